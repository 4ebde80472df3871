"""Commits that the `.git` of a workspace names beside its branch.

Its refs and reflogs are read as plain files: an agent may have written anything there, so no git
is run on it and no link in it is followed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters import plain_files
from wfd.adapters.refs import COMMIT

_MAX_FILE = 16 << 20
_MAX_FILES = 20_000
_STASH = "refs/stash"
_NOTHING = re.compile("0+")


@dataclass(frozen=True)
class Tip:
    """A commit, and what leads to it."""

    name: str  # as the last part of a ref: "stash-0", "branch-topic", "log-HEAD-3"
    words: str  # for people: "stash@{0}: WIP on main", "branch topic"
    commit: str
    is_past: bool = False  # where HEAD or a branch once stood: nobody named it


@dataclass(frozen=True)
class Tips:
    found: tuple[Tip, ...]
    is_whole: bool  # False: something there could not be read


def tips(git_dir: Path, own_branch: str) -> Tips:
    """All that `git_dir` names but `own_branch`, each commit once: stashes first, logs last."""
    found: dict[str, Tip] = {}
    is_whole = plain_files.is_folder(git_dir)
    try:
        for tip in _named(git_dir, own_branch):
            if COMMIT.fullmatch(tip.commit) and not _NOTHING.fullmatch(tip.commit):
                found.setdefault(tip.commit, tip)
    except OSError:
        is_whole = False
    return Tips(tuple(found.values()), is_whole)


def _named(git_dir: Path, own_branch: str) -> Iterator[Tip]:
    yield from _stashes(git_dir)
    for ref, commit in _refs(git_dir):
        if ref not in (_STASH, f"refs/heads/{own_branch}"):
            yield Tip(_name(ref), _words(ref), commit)
    for file in plain_files.files(git_dir, "worktrees", _MAX_FILES):
        if file.endswith("/HEAD") and "/logs/" not in file:
            tree = file.split("/")[1]
            yield Tip(f"worktree-{_plain(tree)}", f"linked work tree {tree}", _text(git_dir, file))
    for head in ("HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD"):
        if plain_files.is_there(git_dir / head):
            yield Tip(_plain(head), head, _text(git_dir, head), is_past=True)
    yield from _logged(git_dir)


def _stashes(git_dir: Path) -> Iterator[Tip]:
    """The newest first; without its log, the one that the ref names."""
    log = _log(git_dir, f"logs/{_STASH}")
    for number, (commit, said) in enumerate(reversed(log)):
        yield Tip(f"stash-{number}", f"stash@{{{number}}}: {said}", commit)
    if not log:
        for ref, commit in _refs(git_dir):
            if ref == _STASH:
                yield Tip("stash-0", "a stash", commit)


def _refs(git_dir: Path) -> Iterator[tuple[str, str]]:
    for ref in plain_files.files(git_dir, "refs", _MAX_FILES):
        if not ref.startswith("refs/remotes/origin/"):  # the user's own branches
            yield ref, _text(git_dir, ref)
    if plain_files.is_there(git_dir / "packed-refs"):
        for line in _text(git_dir, "packed-refs").splitlines():
            commit, _, ref = line.partition(" ")
            if ref.startswith("refs/") and not ref.startswith("refs/remotes/origin/"):
                yield ref, commit


def _logged(git_dir: Path) -> Iterator[Tip]:
    """What HEAD, a branch or a linked work tree has stood on."""
    logs = [*plain_files.files(git_dir, "logs", _MAX_FILES)]
    logs += [f for f in plain_files.files(git_dir, "worktrees", _MAX_FILES) if "/logs/" in f]
    for file in logs:
        if file == f"logs/{_STASH}" or file.startswith("logs/refs/remotes/origin/"):
            continue
        of = file.removeprefix("logs/")
        for number, (commit, said) in enumerate(reversed(_log(git_dir, file))):
            words = f"{of}@{{{number}}}: {said}"
            yield Tip(f"log-{_plain(of)}-{number}", words, commit, is_past=True)


def _log(git_dir: Path, file: str) -> list[tuple[str, str]]:
    """Each entry's new commit and message, the oldest first."""
    if not plain_files.is_there(git_dir / file):
        return []
    entries = []
    for line in _text(git_dir, file).splitlines():
        who, _, said = line.partition("\t")
        words = who.split(" ")
        if len(words) > 1:
            entries.append((words[1], said))
    return entries


def _text(git_dir: Path, file: str) -> str:
    return plain_files.read(git_dir, file, _MAX_FILE).decode("utf-8", "replace").strip()


def _name(ref: str) -> str:
    for folder, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if ref.startswith(folder):
            return f"{kind}-{_plain(ref.removeprefix(folder))}"
    return _plain(ref)


def _words(ref: str) -> str:
    for folder, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if ref.startswith(folder):
            return f"{kind} {ref.removeprefix(folder)}"
    return ref


def _plain(text: str) -> str:
    """The text as one part of a ref's name."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:80] or "unnamed"
