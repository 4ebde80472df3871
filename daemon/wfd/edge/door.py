"""Commands that come in from outside: checked, carried out as one transaction, answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from structlog.typing import FilteringBoundLogger

from wfd.commands.house import HouseOf
from wfd.commands.registry import COMMANDS, Answer, Command
from wfd.domain.errors import BadInput, StoreFailed, WfdError, unknown
from wfd.ports import Store

_ADAPTERS = {command.wants: TypeAdapter(command.wants) for command in COMMANDS.values()}

# Asked by programs, often: no deed of a person, and no line in the log.
_UNTOLD = frozenset({"open_gates", "prune_assignment", "prune_events"})
_IDS = ("assignment", "job", "question")
_NAMES = ("namespace", "ai")

Control = Callable[[dict[str, object]], Awaitable[object]]


class Door:
    """Answers the command socket. `controls` are what is asked of the daemon itself."""

    def __init__(
        self,
        store: Store,
        house_of: HouseOf,
        controls: Mapping[str, Control],
        wake: Callable[[], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._store = store
        self._house_of = house_of
        self._controls = controls
        self._wake = wake
        self._log = log

    async def handle(self, name: str, values: dict[str, object]) -> object:
        control = self._controls.get(name)
        if control is not None:
            return await control(values)
        command = COMMANDS.get(name)
        if command is None:
            raise BadInput(unknown("command", name, [*COMMANDS, *self._controls]))
        try:
            answer = await self._carry_out(command, values)
        except StoreFailed:  # which it has logged itself
            raise
        except WfdError as error:
            self._tell(
                "command.refused", name, _ids(values), kind=error.kind, exit_code=error.exit_code
            )
            raise
        self._tell("command.done", name, _ids({**values, **answer}) | _names(values, answer))
        return answer

    async def _carry_out(self, command: Command, values: dict[str, object]) -> Answer:
        want = checked(command.wants, values)
        self._wake()  # the worker gets in line behind this command, and not after its answer
        return await self._store.write(lambda tx: command.run(tx, self._house_of, want))

    def _tell(self, event: str, name: str, whom: dict[str, object], **facts: object) -> None:
        if name not in _UNTOLD:
            self._log.info(event, command=name, **whom, **facts)


def _ids(told: Mapping[str, object]) -> dict[str, object]:
    """{"job_id": 3, …}, as the rest of the log has them; nothing of what a person wrote."""
    return {f"{key}_id": told[key] for key in _IDS if type(told.get(key)) is int}


def _names(values: Mapping[str, object], answer: Answer) -> dict[str, object]:
    """Of the repository and the AI, if the command has found them or made them known."""
    told = {"namespace": values.get("namespace"), **answer}
    return {key: told[key] for key in _NAMES if isinstance(told.get(key), str)}


def checked(wants: type[Any], values: Mapping[str, object]) -> Any:
    """`values` as the dataclass that is wanted. Raises BadInput naming the bad one."""
    known = set(wants.__dataclass_fields__)
    for name, value in values.items():
        if name not in known:
            raise BadInput(unknown("value", name, known))
        _refuse_unstorable(name, value)
    try:
        adapter = _ADAPTERS.get(wants) or _ADAPTERS.setdefault(wants, TypeAdapter(wants))
        return adapter.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"'{where}': {first['msg']}") from None


def _refuse_unstorable(name: str, value: object) -> None:
    """Raise BadInput for what JSON can say and no column of the store can hold."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadInput(f"'{name}': the number is too large")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadInput(f"'{name}' is not UTF-8 text")
