"""The built-in agent: deterministic, no credentials, and it really edits files.

Run as `python -m wfd_runners.sim`, a process of its own that starts in milliseconds: its
files import the standard library alone, and of that no more than a run needs. Only
`harness.py` belongs to the daemon's side.
"""
