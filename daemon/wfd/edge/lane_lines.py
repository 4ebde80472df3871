"""The lines of a lane, as a page of its assignment shows it."""

from collections.abc import Iterator, Sequence

from wfd.domain.assignment import Assignment
from wfd.domain.job import Job
from wfd.domain.lane import Lane
from wfd.edge.page import PageLine, fact
from wfd.edge.table import state_cell
from wfd.rules.unmerged import left_lying


def lane_lines(lane: Lane, assignment: Assignment, jobs: Sequence[Job]) -> Iterator[PageLine]:
    """Its state, and of an open one in which nothing goes on why, and what ends that."""
    yield fact("lane", lane.name, state_cell(lane.state), lane.view(assignment).branch)
    halted = left_lying(jobs, [lane])
    if halted is not None:
        yield fact("halted", _why(lane, halted), depth=2)


def _why(lane: Lane, by: Job) -> str:
    again = "continues in it" if by.merges is None else "does its work again in a new one"
    of = by.assignment_id
    return (
        f"J{by.id} ({by.type}) is {by.state}: 'wfctl retry J{by.id}' {again};"
        f" 'wfctl lane abandon A{of} {lane.name}' closes it, and so does the end of A{of}"
    )
