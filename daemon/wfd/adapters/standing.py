"""Where a person stands: the commit that an assignment begins from, and what none holds yet.

Called by a command line, in the person's own repository. Their index, files and HEAD stay as
they are.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.git import Git, GitFailed, Said, in_checkout
from wfd.domain.errors import BadInput, NotAllowed
from wfd.rules.typed import typed

_OWN_FILE = b".wfd/config.json"  # read from the checkout, so no workspace needs it
_SUBMODULE = b"160000"
_FIELDS_BEFORE = {b"1 ": 8, b"u ": 10}  # the path, in a line of git status
_IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")


@dataclass(frozen=True)
class Start:
    commit: str
    branch: str | None  # None: no branch stands for it


@dataclass(frozen=True)
class Uncommitted:
    files: list[str]
    submodules: list[str]  # and repositories within it: changes of theirs are never taken along


def start_at(checkout: Path, ref: str | None) -> Start:
    """The commit and branch that the checkout stands on, or those that `ref` names there.

    Raises BadInput for a ref that is none, and NotAllowed without a commit.
    """
    git = in_checkout(checkout)
    if ref is not None and (not ref or ref.startswith("-")):
        raise BadInput(f"'{ref}' is not a branch, tag or commit; name one with --base")
    said = git.at_once("rev-parse", "--verify", "--quiet", f"{ref or 'HEAD'}^{{commit}}")
    if said.code != 0:
        if ref is not None:
            raise BadInput(
                f"there is no branch, tag or commit '{ref}' in {checkout}; these branches are"
                f" there: {typed('git', '-C', checkout, 'branch', '--all')}"
            )
        raise NotAllowed(
            f"{checkout} has no commit yet; make one there, or name another with --base"
        )
    return Start(said.out.decode().strip(), _branch(git, ref or "HEAD"))


def uncommitted(checkout: Path) -> Uncommitted:
    """What differs from HEAD in a checkout and is not ignored, by path."""
    said = _ok(
        in_checkout(checkout), "status", "--porcelain=v2", "-z", "--no-renames",
        "--untracked-files=all", "--ignore-submodules=none",
    )  # fmt: skip
    files, submodules = _sorted_out([name[2:] for name in said.names if name[:2] == b"? "])
    for entry in said.names:
        if entry[:2] in _FIELDS_BEFORE:
            *words, path = entry.split(b" ", _FIELDS_BEFORE[entry[:2]])
            (submodules if words[2][:1] == b"S" else files).append(path)
    return Uncommitted(_shown(files), _shown(submodules))


def commit_changes(checkout: Path, start: Start) -> str:
    """A commit upon `start` with all that differs from it in the checkout and is not ignored.

    `start.commit` itself if nothing does. Changes of submodules are left out. Raises NotAllowed
    in the middle of a merge, and GitFailed for what git refuses, such as a missing identity.
    """
    git = in_checkout(checkout)
    if _ok(git, "ls-files", "--unmerged", "-z").out:
        raise NotAllowed(f"{checkout} has conflicts that are not resolved; resolve them first")
    with tempfile.TemporaryDirectory(prefix="wfd-") as scratch:
        index = Path(scratch) / "index"
        present = Path(os.fsdecode(_ok(git, "rev-parse", "--git-path", "index").out[:-1]))
        if (checkout / present).is_file():
            shutil.copyfile(checkout / present, index)
        named = {name: os.environ[name] for name in _IDENTITY if name in os.environ}
        aside = git.at(checkout, GIT_INDEX_FILE=str(index), **named)
        _feed(aside, _changed(aside) + _new(aside), "--add", "--remove", "--replace", "--stdin")
        _leave_submodules(aside)
        tree = _line(aside, "write-tree")
        if tree == _line(aside, "rev-parse", f"{start.commit}^{{tree}}"):
            return start.commit
        message = "Keep changes that were not committed"
        return _line(aside, "commit-tree", tree, "-p", start.commit, "-m", message)


def pin(git_dir: Path, ref: str, commit: str) -> None:
    """Keep a commit by a ref. Raises GitFailed if the ref has another value."""
    git = in_checkout(git_dir)
    said = git.at_once("update-ref", ref, commit, "0" * len(commit))
    if said.code != 0 and git.at_once("rev-parse", "--verify", ref).out.decode().strip() != commit:
        raise GitFailed("update-ref", git_dir, said.code, said.err)


def _branch(git: Git, ref: str) -> str | None:
    said = git.at_once("rev-parse", "--verify", "--quiet", "--symbolic-full-name", ref)
    name = said.out.decode("utf-8", "replace").strip()
    for kind in ("refs/heads/", "refs/remotes/"):
        if said.code == 0 and name.startswith(kind):
            return name.removeprefix(kind)
    return None


@dataclass(frozen=True)
class _Entry:
    """One line of a raw difference: `:old-mode new-mode old-id new-id status`, and a path."""

    modes: tuple[bytes, bytes]
    old: bytes
    path: bytes


def _entries(git: Git, *command: str) -> list[_Entry]:
    names = _ok(git, command[0], "--raw", "-z", "--no-renames", *command[1:]).names
    pairs = zip(names[::2], names[1::2], strict=True)
    told = [(head[1:].split(b" "), path) for head, path in pairs]
    return [_Entry((words[0], words[1]), words[2], path) for words, path in told]


def _new(git: Git) -> list[bytes]:
    """Files that the index does not know and no rule ignores."""
    said = _ok(git, "ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/")
    return _sorted_out(said.names)[0]


def _sorted_out(names: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Of what is not tracked, the files, and the repositories, which git lists with a slash."""
    files = [name for name in names if not name.endswith(b"/") and name != _OWN_FILE]
    return files, [name for name in names if name.endswith(b"/")]


def _changed(git: Git) -> list[bytes]:
    """Files that are not as the index has them."""
    return _ok(git, "diff-files", "--name-only", "-z", "--ignore-submodules=all").names


def _leave_submodules(git: Git) -> None:
    """Have the index hold the submodules that HEAD has, as HEAD has them, and no others."""
    lines = [
        b"%s %s\t%s" % (_SUBMODULE if entry.modes[0] == _SUBMODULE else b"0", entry.old, entry.path)
        for entry in _entries(git, "diff-index", "--cached", "HEAD")
        if entry.modes[1] == _SUBMODULE
    ]
    _feed(git, lines, "--index-info")


def _feed(git: Git, entries: list[bytes], *options: str) -> None:
    if entries:
        stdin = b"".join(entry + b"\0" for entry in entries)
        said = git.at_once("update-index", "-z", *options, stdin=stdin)
        if said.code != 0:
            raise GitFailed("update-index", git.where, said.code, said.err)


def _shown(names: list[bytes]) -> list[str]:
    return sorted({os.fsdecode(name) for name in names})


def _ok(git: Git, *args: str) -> Said:
    said = git.at_once(*args)
    if said.code != 0:
        raise GitFailed(args[0], git.where, said.code, said.err)
    return said


def _line(git: Git, *args: str) -> str:
    return _ok(git, *args).out.decode().strip()
