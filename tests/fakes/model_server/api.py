"""What each API must be able to do; one file for each that does it."""

from collections.abc import Iterator
from typing import Protocol

from tests.fakes.model_server.seen import Reading, Request
from tests.fakes.model_server.turns import Fail, Turn


class Api(Protocol):
    name: str

    def owns(self, request: Request) -> bool: ...

    def key(self, request: Request) -> str | None: ...

    def read(self, request: Request) -> Reading: ...

    def side_answer(self, request: Request) -> object | None:
        """The JSON for a request that asks no model; None where a model is to answer."""
        ...

    def stream(self, reading: Reading, turn: Turn) -> Iterator[bytes]:
        """A whole response as server-sent events."""
        ...

    def opening(self, reading: Reading, text: str) -> Iterator[bytes]:
        """The beginning of a response with this text, and no end."""
        ...

    def whole(self, reading: Reading, turn: Turn) -> object:
        """A whole response as one JSON value."""
        ...

    def error(self, fail: Fail) -> object:
        """The body of an HTTP error."""
        ...

    def error_event(self, reading: Reading, fail: Fail) -> bytes:
        """The same, inside a stream."""
        ...
