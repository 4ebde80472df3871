"""Claude Code: how it is launched, and what it says."""
