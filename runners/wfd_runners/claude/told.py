"""What Claude Code tells of tokens before its result: a little with each message."""

from collections.abc import Callable, Mapping
from operator import add

from wfd.domain.outcome import MAX_TOKENS, Usage
from wfd_runners.claude.usage import usage_of
from wfd_runners.fields import mapping, text


class Told:
    """A lower bound of what a run has used, from the messages that have come.

    Each content block is an event of its own and repeats the usage of its message, as it was when
    the message began: what went in is all there, what came out is not. So each message counts
    once, by its id; one without an id is not counted, rather than often.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._sum: Usage = Usage()

    @property
    def usage(self) -> Usage:
        return self._sum

    def add(self, message: Mapping[str, object]) -> None:
        message_id = text(message, "id")
        if message_id is None or message_id in self._ids:
            return
        told = mapping(message, "usage")
        if told:
            self._ids.add(message_id)
            self._sum = _each(add, self._sum, usage_of(told))

    def at_least(self, reported: Usage) -> Usage:
        """What the result reports, unless more than that was seen already.

        The result of a turn that was broken off leaves out the message that it broke off.
        """
        return _each(max, self._sum, reported)


def _each(join: Callable[[int, int], int], one: Usage, other: Usage) -> Usage:
    def joined(a: int | None, b: int | None) -> int | None:
        if a is None or b is None:
            return b if a is None else a
        return min(join(a, b), MAX_TOKENS)

    return Usage(
        joined(one.tokens_in, other.tokens_in),
        joined(one.tokens_cached, other.tokens_cached),
        joined(one.tokens_out, other.tokens_out),
    )
