"""The namespace that the caller stands in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfd.domain.errors import NotAllowed, NotFound
from wfd.domain.namespace import Namespace
from wfd.rules.typed import typed

if TYPE_CHECKING:
    from wfd.ports import Read

_WORKSPACE = re.compile(r"A([0-9]{1,15})(?:[-.].*)?$", re.DOTALL)


def namespace_here(
    read: "Read",
    named: str | None,
    environment: Mapping[str, str],
    folder: Path,
    state_dir: Path | None = None,
) -> Namespace:
    """The named one, else WFD_NAMESPACE, else that of the repository around `folder`.

    In a workspace, which lies in the state folder, it is the one that the workspace was made for.
    Raises NotFound, which says the way out.
    """
    name = named or environment.get("WFD_NAMESPACE")
    if name:
        from wfd.commands.scope import namespace_named  # late: it knows jobs and assignments too

        return namespace_named(read, name)
    inside = None if state_dir is None else workspace_around(folder, state_dir)
    if inside is not None:
        owner = read.one(Namespace, "namespace_by_id", id=inside.namespace_id)
        if owner is not None:
            return owner
    for root in _upwards(folder):
        found = read.one(Namespace, "namespace_by_checkout", checkout=str(root))
        if found is not None:
            return found
        git_dir = common_git_dir(root)
        if git_dir is not None:  # as git does, the innermost repository is the one meant
            return _of_repository(read, root, git_dir)
    raise NotFound(_not_registered(read, f"{folder} is in no repository"))


@dataclass(frozen=True)
class Inside:
    """Where in the state folder somebody stands."""

    namespace_id: int
    assignment_id: int | None  # None: in what belongs to none, such as the daemon's repository


def workspace_around(folder: Path, state_dir: Path) -> Inside | None:
    """Whose part of the state folder it is, which `ns/<namespace>` holds; None elsewhere."""
    try:
        parts = folder.resolve().relative_to((state_dir / "ns").resolve()).parts
    except ValueError:
        return None
    if not parts or not _is_number(parts[0]):
        return None
    of = next((found for part in parts[1:] if (found := _WORKSPACE.match(part))), None)
    return Inside(int(parts[0]), None if of is None else int(of[1]))


def common_git_dir(root: Path) -> Path | None:
    """Where a checkout keeps its history, which linked worktrees share; None if it is none.

    Read by hand, because a git process would cost more than all the rest of a command.
    """
    dot_git = root / ".git"
    if dot_git.is_dir():
        return dot_git.resolve()
    pointer = _line_of(dot_git)
    if pointer is None or not pointer.startswith("gitdir:"):
        return None
    git_dir = (root / pointer.removeprefix("gitdir:").strip()).resolve()
    common = _line_of(git_dir / "commondir")
    return git_dir if common is None else (git_dir / common).resolve()


def checkout_here(namespace: Namespace, folder: Path) -> Path:
    """The main or linked worktree of the namespace that `folder` is in, else the registered one."""
    git_dir = Path(namespace.git_dir).resolve()
    for root in _upwards(folder):
        found = common_git_dir(root)
        if found is not None:
            return root if found == git_dir else Path(namespace.checkout)
    return Path(namespace.checkout)


def _of_repository(read: "Read", root: Path, git_dir: Path) -> Namespace:
    found = read.one(Namespace, "namespace_by_git_dir", git_dir=str(git_dir))
    if found is None:
        raise NotFound(_not_registered(read, f"the repository {root} is not registered"))
    return found


def _not_registered(read: "Read", what: str) -> str:
    known = ", ".join(typed(one.name) for one in read.all(Namespace, "namespaces"))
    ways = "run 'wfd init' in your repository"
    return f"{what}; {ways}, or say --namespace ({known})" if known else f"{what}; {ways}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _upwards(folder: Path) -> Iterator[Path]:
    start = folder.resolve()
    yield start
    yield from start.parents


def _line_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return None


def refuse_in_a_run(environ: Mapping[str, str]) -> None:
    """Raises NotAllowed for a caller that is an agent, or was started by one."""
    run = environ.get("WFD_RUN_ID")
    if run is not None:
        raise NotAllowed(
            f"this is inside {run}, and a run may only read; say what you want in your answer,"
            " and the PM decides"
        )
