"""Ask what must still happen before an assignment may complete, and what is left of its caps.

It changes nothing. A face asks the daemon all the same, which has the policy at hand: to read
that anew takes a process several times as long as all else that it shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wfd.commands.house import House, HouseOf
from wfd.commands.scope import assignment_in, namespace_of
from wfd.commands.update_assignment import gates_of
from wfd.domain.assignment import Assignment
from wfd.ports import Read, Tx
from wfd.rules import caps, daily
from wfd.rules.daily import Spend, day_of


@dataclass(frozen=True)
class OpenGates:
    namespace: str | None  # None: whichever it belongs to
    assignment: int


def open_gates(tx: Tx, house_of: HouseOf, want: OpenGates) -> dict[str, object]:
    """{"open": [{"name", "why"}], "left": [lines]}"""
    assignment = assignment_in(tx, want.namespace, want.assignment)
    house = house_of(namespace_of(tx, assignment.namespace_id))
    return standing(tx, assignment, house, tx.now)


def standing(read: Read, assignment: Assignment, house: House, now: int) -> dict[str, object]:
    """The same for one that is known."""
    return {
        "open": [vars(gate) for gate in gates_of(read, assignment, house)],
        "left": list(_left(read, assignment, house, now)),
    }


def _left(read: Read, assignment: Assignment, house: House, now: int) -> Iterator[str]:
    yield from caps.left(assignment, caps.caps_of(assignment, house.caps))
    if house.daily.is_any:
        of = {"namespace_id": assignment.namespace_id, "day": day_of(now)}
        spend = read.one(Spend, "spend_on", **of) or Spend()
        yield from daily.left_words(spend, house.daily)
