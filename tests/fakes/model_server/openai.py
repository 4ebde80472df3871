"""OpenAI's Responses API, as codex speaks it."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import count

from tests.fakes.model_server import sse
from tests.fakes.model_server.json_shape import at, objects_at, text_at
from tests.fakes.model_server.seen import Json, Reading, Request
from tests.fakes.model_server.turns import Answer, Call, Fail, Part, Say, Shell, Think, Turn, Write

Item = dict[str, object]


class OpenAI:
    name = "openai"

    def __init__(self) -> None:
        self._numbers = count(1)

    def owns(self, request: Request) -> bool:
        return request.path.startswith(("/v1/responses", "/v1/models"))

    def key(self, request: Request) -> str | None:
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    def read(self, request: Request) -> Reading:
        body = request.body
        items = objects_at(body, "input")
        asks = request.method == "POST" and request.path == "/v1/responses"
        return Reading(
            is_main=asks and bool(objects_at(body, "tools")),
            is_streamed=at(body, "stream") is True,
            model=text_at(body, "model"),
            workspace=_workspace(items),
            tools={text_at(tool, "name"): tool for tool in objects_at(body, "tools")},
            prompts=[text for item in items if (text := _prompt(item))],
            texts=[text for item in items for text in _texts(item)],
        )

    def side_answer(self, request: Request) -> object | None:
        match request.method, request.path:
            case "POST", "/v1/responses":
                return None
            case _:
                return {"object": "list", "data": [], "models": []}

    def stream(self, reading: Reading, turn: Turn) -> Iterator[bytes]:
        response = self._response(reading)
        items = self._items(reading, turn)
        yield _event("response.created", response=response)
        for index, item in enumerate(items):
            yield from _streamed(index, item)
            yield _event("response.output_item.done", output_index=index, item=item)
        yield _event("response.completed", response=_finished(response, items, turn))

    def opening(self, reading: Reading, text: str) -> Iterator[bytes]:
        yield _event("response.created", response=self._response(reading))
        if text:
            yield from _streamed(0, self._message(text))

    def whole(self, reading: Reading, turn: Turn) -> object:
        return _finished(self._response(reading), self._items(reading, turn), turn)

    def error(self, fail: Fail) -> object:
        kind = fail.kind or _KINDS.get(fail.status, "server_error")
        return {"error": {"message": fail.message, "type": kind, "code": kind, "param": None}}

    def error_event(self, reading: Reading, fail: Fail) -> bytes:
        error = at(fail.body, "error") or at(self.error(fail), "error")
        failed = self._response(reading) | {"status": "failed", "error": error}
        return _event("response.failed", response=failed)

    def _response(self, reading: Reading) -> Item:
        return {
            "id": f"resp_{next(self._numbers):06}",
            "object": "response",
            "created_at": 0,
            "status": "in_progress",
            "model": reading.model,
            "output": [],
        }

    def _items(self, reading: Reading, turn: Turn) -> list[Item]:
        return [self._item(reading, part) for part in turn.parts]

    def _item(self, reading: Reading, part: Part) -> Item:
        match part:
            case Say(text):
                return self._message(text)
            case Think(text):
                return {
                    "type": "reasoning",
                    "id": f"rs_{next(self._numbers):06}",
                    "summary": [{"type": "summary_text", "text": text}],
                    "encrypted_content": "c2NyaXB0ZWQ=",
                }
            case Shell(command):
                return self._shell(reading, command)
            case Write(path, text):
                return self._write(reading, path, text)
            case Call(tool, given):
                return self._call(tool, **given)
            case Answer(value):
                return self._message(json.dumps(value))

    def _message(self, text: str) -> Item:
        return {
            "type": "message",
            "id": f"msg_{next(self._numbers):06}",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }

    def _shell(self, reading: Reading, command: str) -> Item:
        offered = reading.tools
        if "exec_command" in offered:
            return self._call("exec_command", cmd=command, yield_time_ms=30_000)
        if "shell_command" in offered:
            return self._call("shell_command", command=command, timeout_ms=600_000)
        return self._call("shell", command=["bash", "-lc", command], timeout_ms=600_000)

    def _write(self, reading: Reading, path: str, text: str) -> Item:
        if "apply_patch" not in reading.tools or not text.endswith("\n"):
            # a patch cannot leave out the last newline
            return self._shell(reading, _printing(path, text))
        lines = "".join(f"+{line}\n" for line in text.removesuffix("\n").split("\n"))
        patch = f"*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n"
        if reading.tools["apply_patch"].get("type") == "custom":
            return self._numbered("custom_tool_call", name="apply_patch", input=patch)
        return self._call("apply_patch", input=patch)

    def _call(self, tool: str, /, **arguments: object) -> Item:
        return self._numbered("function_call", name=tool, arguments=json.dumps(arguments))

    def _numbered(self, kind: str, **fields: object) -> Item:
        number = next(self._numbers)
        return {"type": kind, "id": f"fc_{number:06}", "call_id": f"call_{number:06}", **fields}


def _streamed(index: int, item: Item) -> Iterator[bytes]:
    """All of an item but its end."""
    blank = item | {"content": []} if "content" in item else item
    yield _event("response.output_item.added", output_index=index, item=blank)
    where = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "message":
            for piece in sse.pieces(text_at(item, "content", 0, "text")):
                yield _event("response.output_text.delta", **where, content_index=0, delta=piece)
        case "reasoning":
            for piece in sse.pieces(text_at(item, "summary", 0, "text")):
                kind = "response.reasoning_summary_text.delta"
                yield _event(kind, **where, summary_index=0, delta=piece)


def _finished(response: Item, items: list[Item], turn: Turn) -> Item:
    usage = {
        "input_tokens": turn.tokens_in,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": turn.tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": turn.tokens_in + turn.tokens_out,
    }
    return response | {"status": "completed", "output": items, "usage": usage}


def _event(kind: str, **fields: object) -> bytes:
    return sse.event({"type": kind, **fields}, kind)


def _printing(path: str, text: str) -> str:
    folder = path.rpartition("/")[0] or "."
    return f"mkdir -p {shlex.quote(folder)} && printf %s {shlex.quote(text)} > {shlex.quote(path)}"


def _workspace(items: Sequence[Json]) -> str:
    found = [_CWD.search(text) for item in items for text in _texts(item)]
    return next((one[1] for one in reversed(found) if one), "")


def _prompt(item: Json) -> str:
    """What a person asked in this item: nothing that the CLI put in."""
    if item.get("role") != "user":
        return ""
    return "\n".join(text.strip() for text in _texts(item) if not _INJECTED.match(text))


def _texts(item: Json) -> list[str]:
    if item.get("role") == "developer":
        return []
    for field in ("content", "output"):
        if plain := text_at(item, field):
            return [plain]
        if blocks := objects_at(item, field):
            return [text for block in blocks if (text := text_at(block, "text"))]
    return []


_CWD = re.compile(r"<cwd>(.*?)</cwd>")
_INJECTED = re.compile(r"# AGENTS.md instructions|<[a-z_]+[ >].*>\s*$", re.DOTALL)
_KINDS = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    403: "permission_denied",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}
