"""Anthropic's Messages API, as claude speaks it."""

import json
import posixpath
import re
from collections.abc import Iterator
from itertools import count

from tests.fakes.model_server import sse
from tests.fakes.model_server.example import bland_turn
from tests.fakes.model_server.json_shape import at, objects_at, text_at
from tests.fakes.model_server.seen import Json, Reading, Request
from tests.fakes.model_server.turns import Answer, Call, Fail, Part, Say, Shell, Think, Turn, Write

Block = dict[str, object]


class Anthropic:
    name = "anthropic"

    def __init__(self) -> None:
        self._numbers = count(1)

    def owns(self, request: Request) -> bool:
        return request.path.startswith("/v1/messages") or "anthropic-version" in request.headers

    def key(self, request: Request) -> str | None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return request.headers.get("x-api-key") or bearer or None

    def read(self, request: Request) -> Reading:
        body = request.body
        messages = objects_at(body, "messages")
        asks = request.path == "/v1/messages"
        return Reading(
            # titles and the like are asked without tools
            is_main=asks and bool(objects_at(body, "tools")),
            is_streamed=at(body, "stream") is True,
            model=text_at(body, "model"),
            workspace=_workspace(body),
            tools={text_at(tool, "name"): tool for tool in objects_at(body, "tools")},
            prompts=[text for message in messages if (text := _prompt(message))],
            texts=[text for message in messages for text in _texts(message)],
            bland=bland_turn(at(body, "output_config", "format", "schema")),
        )

    def side_answer(self, request: Request) -> object | None:
        match request.path:
            case "/v1/messages":
                return None
            case "/v1/messages/count_tokens":
                return {"input_tokens": 1200}
            case _:
                return {"data": [], "has_more": False}

    def stream(self, reading: Reading, turn: Turn) -> Iterator[bytes]:
        blocks = self._blocks(reading, turn)
        yield _event("message_start", message=self._message(reading, turn))
        for index, block in enumerate(blocks):
            yield from _streamed(index, block)
        yield _event(
            "message_delta",
            delta={"stop_reason": _stop_reason(blocks), "stop_sequence": None},
            usage={"output_tokens": turn.tokens_out},
        )
        yield _event("message_stop")

    def opening(self, reading: Reading, text: str) -> Iterator[bytes]:
        yield _event("message_start", message=self._message(reading, Turn()))
        if text:
            yield from list(_streamed(0, {"type": "text", "text": text}))[:-1]

    def whole(self, reading: Reading, turn: Turn) -> object:
        blocks = self._blocks(reading, turn)
        return {
            **self._message(reading, turn),
            "content": blocks,
            "stop_reason": _stop_reason(blocks),
            "usage": _usage(turn.tokens_in, turn.tokens_out),
        }

    def error(self, fail: Fail) -> object:
        kind = fail.kind or _KINDS.get(fail.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": fail.message}}

    def error_event(self, reading: Reading, fail: Fail) -> bytes:
        return sse.event(fail.body or self.error(fail), "error")

    def _message(self, reading: Reading, turn: Turn) -> Block:
        return {
            "id": f"msg_{next(self._numbers):06}",
            "type": "message",
            "role": "assistant",
            "model": reading.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(turn.tokens_in, 1),
        }

    def _blocks(self, reading: Reading, turn: Turn) -> list[Block]:
        return [self._block(reading, part) for part in turn.parts]

    def _block(self, reading: Reading, part: Part) -> Block:
        match part:
            case Say(text):
                return {"type": "text", "text": text}
            case Think(text):
                return {"type": "thinking", "thinking": text, "signature": "c2NyaXB0ZWQ="}
            case Shell(command):
                # the longest that it takes: by default a command is cut off after two minutes
                return self._call("Bash", command=command, timeout=600_000)
            case Write(path, text):
                where = posixpath.join(reading.workspace, path)
                return self._call("Write", file_path=where, content=text)
            case Call(tool, given):
                return self._call(tool, **given)
            case Answer(value) if "StructuredOutput" in reading.tools and isinstance(value, dict):
                return self._call("StructuredOutput", **value)
            case Answer(value):
                return {"type": "text", "text": json.dumps(value)}

    def _call(self, tool: str, /, **arguments: object) -> Block:
        number = f"toolu_{next(self._numbers):06}"
        return {"type": "tool_use", "id": number, "name": tool, "input": arguments}


def _streamed(index: int, block: Block) -> Iterator[bytes]:
    match block["type"]:
        case "text":
            start = block | {"text": ""}
            deltas = _deltas("text_delta", "text", block["text"])
        case "thinking":
            start = block | {"thinking": "", "signature": ""}
            deltas = _deltas("thinking_delta", "thinking", block["thinking"])
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case _:
            start = block | {"input": {}}
            arguments = json.dumps(block["input"])
            deltas = _deltas("input_json_delta", "partial_json", arguments)
    yield _event("content_block_start", index=index, content_block=start)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _deltas(kind: str, field: str, text: object) -> list[Block]:
    return [{"type": kind, field: piece} for piece in sse.pieces(str(text))]


def _event(kind: str, **fields: object) -> bytes:
    return sse.event({"type": kind, **fields}, kind)


def _stop_reason(blocks: list[Block]) -> str:
    return "tool_use" if blocks and blocks[-1]["type"] == "tool_use" else "end_turn"


def _usage(tokens_in: int, tokens_out: int) -> Block:
    return {
        "input_tokens": tokens_in,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": tokens_out,
    }


def _workspace(body: Json) -> str:
    found = _WORKSPACE.search("\n".join(_contents(body, "system")))
    return found[1] if found else ""


def _prompt(message: Json) -> str:
    """What a person asked in this message: no tool result, nothing that the CLI put in."""
    if message.get("role") != "user":
        return ""
    texts = (_REMINDER.sub("", text).strip() for text in _contents(message, "content"))
    return "\n".join(text for text in texts if text)


def _texts(message: Json) -> list[str]:
    if message.get("role") not in ("user", "assistant"):
        return []
    results = [
        text
        for block in objects_at(message, "content")
        if block.get("type") == "tool_result"
        for text in _contents(block, "content")
    ]
    return _contents(message, "content") + results


def _contents(value: Json, field: str) -> list[str]:
    """A field that is a text, or a list of blocks of which some are texts."""
    if plain := text_at(value, field):
        return [plain]
    blocks = objects_at(value, field)
    return [text_at(block, "text") for block in blocks if block.get("type") == "text"]


_WORKSPACE = re.compile(r"[Ww]orking directory: (/[^\n]*)")
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
