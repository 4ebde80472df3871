"""What was kept of a workspace when it was removed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """Things that the branch does not hold, and where they are now."""

    place: str  # the workspace: "A7", or "A7-J42" of a lane
    refs: tuple[str, ...] = ()  # in the user's repository
    trash: str | None = None  # a folder
    files: int = 0  # in that folder
    bytes: int = 0

    @property
    def is_any(self) -> bool:
        return bool(self.refs) or self.trash is not None
