"""The checks and the set-up that a checkout seems to want, each with its reason.

Only what can pass is proposed: programs that are there or that the proposed set-up installs,
nothing that changes files or waits for a person, and one environment of a matrix.
"""

import os
import shutil
from pathlib import Path

from wfd.adapters import build_files, node_project, python_project
from wfd.adapters.git import in_checkout
from wfd.adapters.proposed import Proposal, Which


def propose(checkout: Path, which: Which = shutil.which) -> Proposal:
    """What the files at the top of a checkout suggest; a person has the last word."""
    proposal = Proposal(which=which)
    python_project.propose(checkout, proposal)
    node_project.propose(checkout, proposal)
    build_files.propose(checkout, proposal)
    _dotenv(checkout, proposal)
    return proposal


def _dotenv(checkout: Path, proposal: Proposal) -> None:
    tracked = in_checkout(checkout).at_once("ls-files", "-z", "--", ".env", ".env.*")
    known = {os.fsdecode(name) for name in tracked.names}
    for file in sorted(checkout.glob(".env*")):
        is_one = file.name == ".env" or file.name.startswith(".env.")
        if is_one and file.is_file() and not file.is_symlink() and file.name not in known:
            proposal.copy.append(file.name)
            proposal.reasons.append(f"copy {file.name}: it is here and untracked")
