"""A dependency: one job comes after another, and what happens when that one fails."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, JobId
from wfd.domain.job import JobState
from wfd.domain.lane import LaneState


class OnFailure(StrEnum):
    """What becomes of a job when one that it comes after fails or is cancelled."""

    WAIT = "wait"  # it waits on, for a person
    RUN = "run"  # it goes on as if that were done
    CANCEL = "cancel"  # it is cancelled, too


class Standing(StrEnum):
    OPEN = "open"
    MET = "met"
    FAILED = "failed"  # it can be met no more


@dataclass(frozen=True)
class After:
    """What is wanted of a job that is to come after another."""

    job_id: JobId
    on_failure: OnFailure = OnFailure.WAIT


@dataclass(frozen=True)
class Need:
    """A job that another comes after, as it is now."""

    id: JobId
    assignment_id: AssignmentId
    type: str
    state: JobState
    lane_state: LaneState | None  # None: it is in the lane of its assignment
    on_failure: OnFailure

    @property
    def standing(self) -> Standing:
        match self.state:
            case JobState.QUEUED | JobState.WAITING | JobState.RUNNING:
                return Standing.OPEN
            case JobState.DONE:
                return self._of_done()
            case JobState.FAILED | JobState.CANCELLED:
                is_met = self.on_failure is OnFailure.RUN
                return Standing.MET if is_met else Standing.FAILED

    def _of_done(self) -> Standing:
        """What is done in a lane of its own is there for others once it is merged."""
        match self.lane_state:
            case None | LaneState.MERGED:
                return Standing.MET
            case LaneState.OPEN:
                return Standing.OPEN
            case LaneState.ABANDONED:
                is_met = self.on_failure is OnFailure.RUN
                return Standing.MET if is_met else Standing.FAILED

    def __str__(self) -> str:
        is_unmerged = self.state is JobState.DONE and self.standing is not Standing.MET
        how = "done, not merged" if is_unmerged else self.state
        return f"J{self.id} ({self.type}, {how})"
