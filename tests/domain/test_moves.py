"""The legal moves: closed is closed, and every state can be reached and left as it should."""

import pytest

from wfd.domain import assignment, job
from wfd.domain.assignment import AssignmentState
from wfd.domain.job import JobState


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(job.MOVES) == set(JobState)
    assert set(assignment.MOVES) == set(AssignmentState)


def test_a_closed_job_never_reopens_and_every_other_can_be_closed() -> None:
    for state in JobState:
        assert (not job.MOVES[state]) == (state in job.CLOSED)
        if state not in job.CLOSED:
            assert JobState.CANCELLED in job.MOVES[state]


def test_only_a_ready_job_can_be_leased_and_only_a_running_one_can_be_done() -> None:
    assert {s for s in JobState if JobState.RUNNING in job.MOVES[s]} == {JobState.QUEUED}
    for end in (JobState.DONE, JobState.FAILED):
        assert {s for s in JobState if end in job.MOVES[s]} == {JobState.RUNNING}


@pytest.mark.parametrize("state", list(AssignmentState))
def test_an_assignment_never_moves_to_where_it_is_and_can_always_be_active_again(
    state: AssignmentState,
) -> None:
    assert state not in assignment.MOVES[state]
    if state is not AssignmentState.ACTIVE:
        assert AssignmentState.ACTIVE in assignment.MOVES[state]
