"""An active assignment with nothing open would wait for ever: say so and ask."""

from wfd.commands.queue import set_state
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.job import Job
from wfd.ports import Tx


def pause_if_idle(tx: Tx, assignment: Assignment, reason: str) -> None:
    if assignment.state is not AssignmentState.ACTIVE:
        return
    if not tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
        set_state(
            tx,
            assignment,
            AssignmentState.PAUSED,
            f"{reason}; nothing else is open: insert a job, or set it active and the PM decides",
        )
