"""What a job asks of its AI, as a person says it."""

from collections.abc import Sequence

from wfd.commands.house import House
from wfd.commands.roster import defined
from wfd.domain.ai import AiRow
from wfd.domain.errors import BadInput, unknown
from wfd.ports import Read
from wfd.rules.route import Needs, as_json


def needs_json(
    read: Read,
    house: House,
    ai: str | None,
    harness: str | None,
    labels: Sequence[str],
    capabilities: Sequence[str],
) -> str | None:
    """The column `needs`. Raises BadInput when no AI that is there has all of it."""
    if ai is None and not labels and not capabilities:
        return None
    if ai is not None and harness is not None:
        raise BadInput("--ai and --harness exclude each other: an AI has its harness")
    known = defined(house, read.all(AiRow, "ais"))
    if ai is not None and ai not in known:
        raise BadInput(unknown("AI", ai, known))
    needs = Needs(ai, harness, frozenset(labels), frozenset(capabilities))
    named = [one for one in known.values() if ai in (None, one.name)]
    named = [one for one in named if harness in (None, one.harness)]
    if not any(
        needs.labels <= one.labels and needs.capabilities <= one.capabilities for one in named
    ):
        asked = ", ".join(sorted(needs.labels | needs.capabilities))
        of = ai or harness or ", ".join(known)
        raise BadInput(f"no AI of {of} has all of: {asked}; 'wfctl ai list' tells what each has")
    return as_json(needs)
