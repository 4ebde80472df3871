"""Google's Gemini API, as gemini speaks it."""

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


class Google:
    name = "google"

    def __init__(self) -> None:
        self._numbers = count(1)

    def owns(self, request: Request) -> bool:
        return request.path.startswith(("/v1beta/", "/v1internal"))

    def key(self, request: Request) -> str | None:
        return request.headers.get("x-goog-api-key")

    def read(self, request: Request) -> Reading:
        body = request.body
        model, _, method = request.path.removeprefix("/v1beta/models/").partition(":")
        contents = objects_at(body, "contents")
        offered = [
            tool
            for group in objects_at(body, "tools")
            for tool in objects_at(group, "functionDeclarations")
        ]
        return Reading(
            is_main=method in _ASKING and bool(offered),
            is_streamed=method == "streamGenerateContent",
            model=model,
            workspace=_workspace(body),
            tools={text_at(tool, "name"): tool for tool in offered},
            prompts=[text for content in contents if (text := _prompt(content))],
            texts=[text for content in contents for text in _texts(content)],
            bland=bland_turn(at(body, "generationConfig", "responseJsonSchema")),
        )

    def side_answer(self, request: Request) -> object | None:
        match request.path.partition(":")[2]:
            case method if method in _ASKING:
                return None
            case "countTokens":
                return {"totalTokens": 1200}
            case _:
                return {}

    def stream(self, reading: Reading, turn: Turn) -> Iterator[bytes]:
        for part in self._parts(reading, turn):
            yield from self._streamed(reading, part)
        yield sse.event(self._response(reading, [{"text": ""}], turn))

    def opening(self, reading: Reading, text: str) -> Iterator[bytes]:
        if text:
            yield from self._streamed(reading, {"text": text})

    def whole(self, reading: Reading, turn: Turn) -> object:
        return self._response(reading, self._parts(reading, turn), turn)

    def error(self, fail: Fail) -> object:
        status = fail.kind or _STATUSES.get(fail.status, "INTERNAL")
        return {"error": {"code": fail.status, "message": fail.message, "status": status}}

    def error_event(self, reading: Reading, fail: Fail) -> bytes:
        return sse.event(fail.body or self.error(fail))

    def _response(self, reading: Reading, parts: list[Json], end: Turn | None = None) -> Json:
        """One piece of a response, with what only the last of them carries if it is the end."""
        candidate: dict[str, object] = {"index": 0, "content": {"role": "model", "parts": parts}}
        response: dict[str, object] = {"candidates": [candidate], "modelVersion": reading.model}
        if end:
            candidate["finishReason"] = "STOP"
            response["usageMetadata"] = {
                "promptTokenCount": end.tokens_in,
                "candidatesTokenCount": end.tokens_out,
                "totalTokenCount": end.tokens_in + end.tokens_out,
            }
        return response

    def _streamed(self, reading: Reading, part: Json) -> Iterator[bytes]:
        """A part in one event, or in several if it is text."""
        some = [{"text": piece} for piece in sse.pieces(text_at(part, "text"))]
        for piece in some or [{}]:
            yield sse.event(self._response(reading, [{**part, **piece}]))

    def _parts(self, reading: Reading, turn: Turn) -> list[Json]:
        return [self._part(reading, part) for part in turn.parts]

    def _part(self, reading: Reading, part: Part) -> Json:
        match part:
            case Say(text):
                return {"text": text}
            case Think(text):
                return {"text": text, "thought": True}
            case Shell(command):
                return self._call("run_shell_command", command=command)
            case Write(path, text):
                where = posixpath.join(reading.workspace, path)
                return self._call("write_file", file_path=where, content=text)
            case Call(tool, given):
                return self._call(tool, **given)
            case Answer(value):
                return {"text": json.dumps(value)}

    def _call(self, tool: str, /, **arguments: object) -> Json:
        number = f"call_{next(self._numbers):06}"
        return {"functionCall": {"id": number, "name": tool, "args": arguments}}


def _workspace(body: Json) -> str:
    told = [text for content in objects_at(body, "contents") for text in _texts(content)]
    found = _WORKSPACE.search("\n".join(told))
    return found[1] if found else ""


def _prompt(content: Json) -> str:
    """What a person asked here: no tool result, nothing that the CLI put in."""
    if content.get("role") != "user":
        return ""
    texts = (text_at(part, "text") for part in objects_at(content, "parts"))
    return "\n".join(text.strip() for text in texts if text and not text.startswith(_INJECTED))


def _texts(content: Json) -> list[str]:
    """What was asked and said, and what the tools gave: their answers as they were sent."""
    texts = []
    for part in objects_at(content, "parts"):
        if said := text_at(part, "text"):
            texts.append(said)
        if "functionResponse" in part:
            texts.append(json.dumps(part["functionResponse"]))
    return texts


_ASKING = ("generateContent", "streamGenerateContent")
_WORKSPACE = re.compile(r"Workspace Directories:\**\s*- (/[^\n]*)")
_INJECTED = ("<session_context>",)
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
