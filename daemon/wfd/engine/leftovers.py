"""Workspaces that lie on the disk though no row says so.

Either they were made and never set up, since set-up failed or the daemon died in it. Or no row
knows them at all, since they were made after a backup that was restored.
"""

from dataclasses import dataclass, field
from pathlib import Path

import anyio

from wfd.domain.assignment import Assignment
from wfd.domain.lane import Lane, LaneState
from wfd.engine.parts import Parts
from wfd.ports import OnDisk

EVERY_S = 600.0  # the first look is at the start


@dataclass
class Leftovers:
    """What the last look has found, of what has ended."""

    assignments: list[Assignment] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    _named: set[Path] = field(default_factory=set)
    _next_look: float = 0.0

    async def look(self, parts: Parts) -> None:
        """Look if it is time to; what was found before is forgotten in any case."""
        self.assignments, self.lanes = [], []
        if anyio.current_time() < self._next_look:
            return
        for place in await parts.workspaces.on_disk():
            await self._sort(parts, place)
        self._next_look = anyio.current_time() + EVERY_S

    async def _sort(self, parts: Parts, place: OnDisk) -> None:
        whole = await parts.store.one(Assignment, "assignment_by_id", id=place.assignment_id)
        if whole is None or whole.namespace_id != place.namespace_id:
            self._name(parts, place)
        elif place.lane == whole.lane:
            if whole.is_closed and not whole.is_set_up:
                self.assignments.append(whole)
        else:
            await self._sort_lane(parts, place)

    async def _sort_lane(self, parts: Parts, place: OnDisk) -> None:
        lane = await parts.store.one(
            Lane, "lane_by_name", assignment_id=place.assignment_id, name=place.lane
        )
        if lane is None:
            self._name(parts, place)
        elif lane.state is not LaneState.OPEN and not lane.is_set_up:
            self.lanes.append(lane)

    def _name(self, parts: Parts, place: OnDisk) -> None:
        """Say it once: what lies there may be nowhere else, so it is left alone."""
        if place.path not in self._named:
            self._named.add(place.path)
            parts.log.warning(
                "workspace.unknown",
                path=str(place.path),
                reason="the store has no record of it: it was made after the backup that was"
                " restored. Look in it; if nothing in it is needed, delete it and what lies"
                f" beside it ({place.path.name}.*)",
            )
