"""The last word on a completed assignment: how to look at its branch, and how to take it."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.namespace import Namespace
from wfd.edge.here import common_git_dir


def ways_to_take(of: Assignment, namespace: Namespace, folder: Path) -> Iterator[tuple[str, str]]:
    """What can be typed in `folder`, each with what it does; nothing while there is none to take.

    Commands can be pasted as they stand: they name the checkout where one stands elsewhere.
    """
    if of.state is not AssignmentState.COMPLETE or of.head_commit in (None, of.base_commit):
        return
    is_here = _stands_in(namespace, folder)
    git = "git" if is_here else f"git -C {shlex.quote(namespace.checkout)}"
    named = "" if is_here else f" --namespace {shlex.quote(namespace.name)}"
    branch = shlex.quote(of.branch)
    yield f"wfctl diff A{of.id}{named}", "shows all that it changed"
    yield f"{git} merge {branch}", "merges it into the branch that is checked out"
    yield f"{git} switch {branch}", "checks it out, to try it"


def _stands_in(namespace: Namespace, folder: Path) -> bool:
    """Whether git, run in `folder`, means the repository of the namespace."""
    start = folder.resolve()
    for root in (start, *start.parents):
        git_dir = common_git_dir(root)
        if git_dir is not None:
            return git_dir == Path(namespace.git_dir).resolve()
    return False
