"""The `.git` of a workspace. Once an agent has run, it is read and written as plain files:
no git is run on it, and no link in it is followed."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from wfd.adapters import plain_files, refs
from wfd.adapters.git import in_checkout, object_folder
from wfd.adapters.users_repository import UsersRepository

_MAX_REF = 4096
_MAX_PACKED_REFS = 16 << 20
_MAX_LINKS = 5
_REF = re.compile(r"refs(/[^/\x00-\x20\x7f~^:?*\[\\]+)+")

# What a git that was interrupted, or that an agent left halfway, keeps beside HEAD.
_HALF_DONE = frozenset((
    "index.lock", "HEAD.lock", "packed-refs.lock", "MERGE_HEAD", "MERGE_MODE", "MERGE_MSG",
    "MERGE_AUTOSTASH", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD",
    "SQUASH_MSG", "BISECT_START", "BISECT_LOG", "sequencer", "rebase-merge", "rebase-apply",
))  # fmt: skip


@dataclass(frozen=True)
class Clone:
    workspace: Path
    users_objects: Path  # what it borrows
    elsewhere: Path | None = None  # its git folder, if that is not among its files

    @property
    def git_dir(self) -> Path:
        return self.elsewhere or self.workspace / ".git"

    @property
    def objects(self) -> Path:
        return self.git_dir / "objects"

    def head(self) -> str | None:
        """The commit that HEAD stands on; None when that cannot be told, or not safely."""
        try:
            name = "HEAD"
            for _ in range(_MAX_LINKS):
                text = self._ref(name)
                if not text.startswith("ref: "):
                    return text if refs.COMMIT.fullmatch(text) else None
                name = text.removeprefix("ref: ").strip()
                if not _REF.fullmatch(name) or ".." in name:
                    return None
        except (OSError, UnicodeDecodeError):
            pass
        return None

    def borrows(self) -> bool | None:
        """It borrows the user's objects and no others; None if it needs nobody's."""
        try:
            lent = plain_files.read(self.git_dir, "objects/info/alternates", _MAX_REF)
        except FileNotFoundError:
            return None  # an agent that repacked needs none
        except OSError:
            return False
        return lent.strip() == _line(self.users_objects).strip()

    def shallow(self) -> list[str]:
        """The commits whose parents it has not fetched."""
        try:
            text = plain_files.read(self.git_dir, "shallow", _MAX_PACKED_REFS)
            return [line for line in text.decode().split() if refs.COMMIT.fullmatch(line)]
        except (OSError, UnicodeDecodeError):
            return []

    def lends_only_its_own(self) -> bool:
        """Its object folder holds no link, and borrows from nowhere but the user's objects."""
        if self.borrows() is False:
            return False
        return plain_files.is_folder(self.git_dir) and _holds_no_link(self.objects)

    def borrows_from_users(self) -> bool:
        return plain_files.holds(
            self.git_dir, "objects/info/alternates", _line(self.users_objects)
        ) or not plain_files.is_there(self.objects / "info" / "alternates")

    def config(self) -> bytes:
        return plain_files.read(self.git_dir, "config", _MAX_PACKED_REFS)

    def follow(self, config: bytes) -> None:
        """Borrow from where the user's objects are now. Raises OSError if it cannot."""
        plain_files.write(self.git_dir, "config", config)
        plain_files.write(self.git_dir, "objects/info/alternates", _line(self.users_objects))

    def settle(self, branch: str, commit: str, index: bytes) -> None:
        """Stand on `branch` at `commit`, with nothing half done. Raises OSError if it cannot."""
        plain_files.read(self.git_dir, "config", _MAX_PACKED_REFS)
        for name in _HALF_DONE & set(os.listdir(self.git_dir)):  # noqa: PTH208
            plain_files.drop(self.git_dir, name)
        plain_files.drop(self.git_dir, f"refs/heads/{branch}.lock")
        for name, data in {
            "objects/info/alternates": _line(self.users_objects),
            f"refs/heads/{branch}": f"{commit}\n".encode(),
            "HEAD": f"ref: refs/heads/{branch}\n".encode(),
            "index": index,
        }.items():
            if not plain_files.holds(self.git_dir, name, data):
                plain_files.write(self.git_dir, name, data)

    def exclude(self, rules: bytes) -> None:
        plain_files.write(self.git_dir, "info/exclude", rules)

    def set_aside(self, beside: Path) -> None:
        """Move a `.git` that cannot be used out of the workspace, whatever it is."""
        if not plain_files.is_there(self.git_dir):
            return
        if plain_files.is_folder(self.git_dir):
            plain_files.open_folders(self.git_dir)
        for number in count(1):
            aside = beside.with_name(f"{beside.name}-{number}")
            if not plain_files.is_there(aside):
                self.git_dir.rename(aside)
                return

    def _ref(self, name: str) -> str:
        try:
            return plain_files.read(self.git_dir, name, _MAX_REF).decode().strip()
        except (FileNotFoundError, NotADirectoryError):
            packed = plain_files.read(self.git_dir, "packed-refs", _MAX_PACKED_REFS).decode()
            for line in packed.split("\n"):
                commit, _, ref = line.partition(" ")
                if ref == name:
                    return commit
            raise


async def make_empty(
    users: UsersRepository, path: Path, identity: tuple[str, str], config: Mapping[str, str]
) -> None:
    """A repository at `path` without a remote, which shares the user's objects."""
    form = await users.git.line("rev-parse", "--show-object-format")
    git = in_checkout(path.parent).at(path.parent, GIT_DEFAULT_REF_FORMAT="files")
    await git.run("init", "--quiet", "--template=", f"--object-format={form}", str(path))
    for key, value in (_settings(identity) | dict(config)).items():
        await git.at(path).run("config", key, value)
    _lend(users, path)


async def make_clone(
    users: UsersRepository, path: Path, identity: tuple[str, str], config: Mapping[str, str]
) -> None:
    """A clone at `path` that shares the user's objects and has no file checked out yet.

    `settle` has it stand on its branch; `git push` in it leads nowhere: results travel another
    way.
    """
    settings = _settings(identity) | dict(config)
    await in_checkout(path.parent).at(path.parent, GIT_DEFAULT_REF_FORMAT="files").run(
        "clone", "--quiet", "--shared", "--no-checkout", "--template=", "--origin=origin",
        *(f"--config={key}={value}" for key, value in settings.items()),
        str(users.git_dir), str(path),
    )  # fmt: skip
    _lend(users, path)


def _settings(identity: tuple[str, str]) -> dict[str, str]:
    name, email = identity
    return {
        "user.name": name,
        "user.email": email,
        "commit.gpgSign": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "remote.origin.pushurl": "no-push://results-are-fetched-by-wfd",
    }


def _lend(users: UsersRepository, path: Path) -> None:
    info = path / ".git" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_bytes(_line(users.objects))


def _line(objects: Path) -> bytes:
    return os.fsencode(object_folder(objects)) + b"\n"


def _holds_no_link(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return all(
                entry.is_file(follow_symlinks=False)
                or (entry.is_dir(follow_symlinks=False) and _holds_no_link(Path(entry.path)))
                for entry in entries
            )
    except OSError:
        return False
