"""Where things lie: the state folder, and the short runtime folder for the socket."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from wfd.domain.errors import Broken, DamagedStore
from wfd.domain.run_folder import RunFolder

_MAX_SOCKET_BYTES = 100  # the system takes 104 or 108, with the final zero


@dataclass(frozen=True)
class Place:
    state_dir: Path
    runtime_dir: Path

    @property
    def key(self) -> str:
        """A short name of the state folder, unlike that of any other."""
        return _key(self.state_dir)

    @property
    def socket_path(self) -> Path:
        return self.runtime_dir / f"{self.key}.sock"

    @property
    def lock_path(self) -> Path:
        return self.state_dir / "daemon.lock"

    @property
    def store_path(self) -> Path:
        return self.state_dir / "wfd.db"

    @property
    def backups(self) -> Path:
        return self.state_dir / "backups"

    @property
    def log_path(self) -> Path:
        return self.state_dir / "wfd.log"

    def run_folder(self, run_id: int) -> RunFolder:
        return RunFolder(self.state_dir / "runs" / f"R{run_id}")

    def accepted_path(self, trusted_hash: str) -> Path:
        """A copy of a .wfd/config.json that a person accepted, by its hash."""
        return self.state_dir / "accepted" / f"{trusted_hash}.json"

    def refuse_lost_store(self) -> None:
        """Raise DamagedStore for a folder that has had a store, and has lost it.

        A new one would count from R1 again, over runs and branches that are there already.
        """
        if self.store_path.exists():
            return
        left = [name for name in ("runs", "ns") if _holds_something(self.state_dir / name)]
        if left:
            raise DamagedStore(
                f"the store {self.store_path} is gone, and {self.state_dir / left[0]} holds work"
                f" that was recorded in it; run wfctl restore FILE, with the newest backup of"
                f" {self.backups}, or move {self.state_dir} away to start with an empty store"
            )

    def make_run_folder(self, run_id: int) -> RunFolder:
        """The run's folder, made if it is not there."""
        folder = self.run_folder(run_id)
        folder.path.parent.mkdir(mode=0o700, exist_ok=True)
        folder.path.mkdir(mode=0o700, exist_ok=True)
        return folder


def _holds_something(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def place(state_dir: Path | None = None) -> Place:
    """The given state folder, or WFD_STATE_DIR, or the user's own; made if it is not there.

    Raises Broken when a folder belongs to another user or cannot be made.
    """
    state = (state_dir or _usual_state_dir()).expanduser().resolve()
    _make_private(state)
    return Place(state, _runtime_dir(state))


def _usual_state_dir() -> Path:
    if named := os.environ.get("WFD_STATE_DIR"):
        return Path(named)
    from platformdirs import user_state_path  # late: most calls of a run name the folder

    return user_state_path("wfd", appauthor=False)


def _runtime_dir(state: Path) -> Path:
    """The folder that the state folder points to, so that all callers agree on it.

    A daemon, a person's shell and a cron job have different environments.
    """
    pointer = state / "runtime"
    try:
        folder = pointer.readlink()
        if _is_private(folder):
            return folder
    except OSError:
        pass
    folder = _choose_runtime_dir(state)
    new = state / f"runtime.{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(folder)
    new.replace(pointer)
    return folder


def _choose_runtime_dir(state: Path) -> Path:
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(named, "wfd")
    is_short = len(os.fsencode(folder / f"{_key(state)}.sock")) < _MAX_SOCKET_BYTES
    if named.startswith("/") and is_short and _is_ours(Path(named)):
        _make_private(folder)
        return folder
    folder = Path("/tmp", f"wfd-{os.getuid()}")
    _make_private(folder)
    return folder


def _make_private(folder: Path) -> None:
    """Have a folder that is ours alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder):
            raise Broken(f"{folder} belongs to another user, or is a link; remove it first")
        if not _is_private(folder):
            folder.chmod(0o700)
    except OSError as error:
        raise Broken(f"cannot use the folder {folder}: {error.strerror}") from error


def _is_ours(folder: Path) -> bool:
    try:
        seen = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid()


def _is_private(folder: Path) -> bool:
    return _is_ours(folder) and stat.S_IMODE(folder.lstat().st_mode) == 0o700


def _key(state: Path) -> str:
    import hashlib  # late: a command that only reads does without a socket

    return hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
