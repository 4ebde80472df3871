"""The models of all three CLIs, on loopback, speaking from a script."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

from tests.fakes.model_server.anthropic import Anthropic
from tests.fakes.model_server.api import Api
from tests.fakes.model_server.google import Google
from tests.fakes.model_server.openai import OpenAI
from tests.fakes.model_server.roles import role_of_conversation, role_of_prompt
from tests.fakes.model_server.seen import Reading, Request, Seen
from tests.fakes.model_server.socket_server import Exchange, SocketServer
from tests.fakes.model_server.turns import Cut, Fail, Hang, Say, Script, Step, Turn

__all__ = ["ANY", "ModelServer", "Seen"]

ANY = "*"  # the role whose steps serve each role that has none of its own


class ModelServer:
    """Serves from `with` to its end. What was asked is in `requests`."""

    def __init__(
        self,
        script: Script,
        role_of: Callable[[str], str] = role_of_prompt,
        *,
        port: int = 0,
        on_request: Callable[[Seen], None] = lambda seen: None,
    ) -> None:
        self._script = script
        self._role_of = role_of
        self._on_request = on_request
        self._taken: Counter[str] = Counter()
        self._seen: list[Seen] = []
        self._lock = threading.RLock()  # re-entrant: on_request may look at requests
        self._apis: tuple[Api, ...] = (Google(), Anthropic(), OpenAI())
        self._server = SocketServer(port, self._answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def requests(self) -> list[Seen]:
        """What came up to now, in order."""
        with self._lock:
            return list(self._seen)

    def plays(self, script: Script) -> None:
        """Follow this script from now on, from its beginning."""
        with self._lock:
            self._script = script
            self._taken.clear()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.close()

    def _answer(self, exchange: Exchange, request: Request) -> None:
        api = next((one for one in self._apis if one.owns(request)), self._apis[1])
        reading = api.read(request)
        step = self._next(api, request, reading)
        if "upgrade" in request.headers:
            exchange.gives({"error": {"message": "no web sockets here"}}, 426)
        elif not reading.is_main and (answer := api.side_answer(request)) is not None:
            exchange.gives(answer)
        else:
            _play(exchange, api, reading, step)

    def _next(self, api: Api, request: Request, reading: Reading) -> Step:
        """Record the request and take the step that answers it, as one: order is kept."""
        with self._lock:
            role = role_of_conversation(reading.prompts, self._role_of) if reading.is_main else None
            seen = _seen(api, request, reading, role)
            self._seen.append(seen)
            self._on_request(seen)
            return self._step(role) if role else reading.bland

    def _step(self, role: str) -> Step:
        name = role if role in self._script or ANY not in self._script else ANY
        steps = self._script.get(name)
        if not steps:
            return Turn(Say(f"Nothing is scripted for {role}."))
        self._taken[name] += 1
        return steps[min(self._taken[name], len(steps)) - 1]


def _seen(api: Api, request: Request, reading: Reading, role: str | None) -> Seen:
    return Seen(
        api=api.name,
        path=request.path,
        headers=request.headers,
        body=request.body,
        is_main=reading.is_main,
        role=role,
        prompt=reading.prompts[-1] if reading.prompts else "",
        tools=tuple(reading.tools),
        texts=tuple(reading.texts),
        key=api.key(request),
        at=time.monotonic(),
    )


def _play(exchange: Exchange, api: Api, reading: Reading, step: Step) -> None:
    match step:
        case Turn() if reading.is_streamed:
            exchange.streams(api.stream(reading, step))
            exchange.ends()
        case Turn():
            exchange.gives(api.whole(reading, step))
        case Fail(status=200) if reading.is_streamed:
            exchange.streams([*api.opening(reading, ""), api.error_event(reading, step)])
            exchange.ends()
        case Fail():
            status = 500 if step.status == 200 else step.status
            exchange.gives(step.body or api.error(step), status, step.headers)
        case Cut(text):
            _begin(exchange, api, reading, text)
            exchange.drops()
        case Hang(text, headers):
            if headers:
                _begin(exchange, api, reading, text)
            exchange.is_silent()


def _begin(exchange: Exchange, api: Api, reading: Reading, text: str) -> None:
    """The headers and as much of a response as holds this text, without its end."""
    if reading.is_streamed:
        exchange.streams(api.opening(reading, text))
    else:
        whole = json.dumps(api.whole(reading, Turn(Say(text))))
        exchange.streams([whole[: len(whole) // 2].encode()], "application/json")
