"""Ask what must still happen before an assignment may complete.

It changes nothing. A face asks the daemon all the same, which has the policy at hand: to read
that anew takes a process several times as long as all else that it shows.
"""

from dataclasses import dataclass

from wfd.commands.house import HouseOf
from wfd.commands.scope import assignment_in, namespace_of
from wfd.commands.update_assignment import gates_of
from wfd.ports import Tx


@dataclass(frozen=True)
class OpenGates:
    namespace: str
    assignment: int


def open_gates(tx: Tx, house_of: HouseOf, want: OpenGates) -> dict[str, object]:
    """{"open": [{"name", "why"}]}"""
    assignment = assignment_in(tx, want.namespace, want.assignment)
    house = house_of(namespace_of(tx, assignment.namespace_id))
    return {"open": [vars(gate) for gate in gates_of(tx, assignment, house)]}
