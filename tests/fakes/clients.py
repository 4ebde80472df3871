"""How each CLI asks its model, and how it reads the answer; shapes as the real ones sent them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.fakes.model_server.json_shape import at

Body = dict[str, object]
WORKSPACE = "/the/workspace"


@dataclass(frozen=True)
class Client:
    """How one of the CLIs asks, and what it reads in the answer."""

    api: str
    path: str
    headers: Mapping[str, str]
    body: Callable[[list[str], str], Body]  # prompts, what a tool gave
    said: Callable[[list[Body]], str]
    calls: Callable[[list[Body]], list[tuple[str, object]]]
    tokens: Callable[[list[Body]], tuple[object, object]]
    shell: tuple[str, object]
    write: tuple[str, object]
    error: Callable[[object], tuple[object, object]]  # kind, message
    kind: str


# --- claude -------------------------------------------------------------------


def _claude(prompts: list[str], given: str) -> Body:
    reminder = {"type": "text", "text": "<system-reminder>\nToday is a day.\n</system-reminder>"}
    messages = [
        {"role": "user", "content": [reminder, {"type": "text", "text": prompt}]}
        for prompt in prompts
    ]
    if given:
        result = {"type": "tool_result", "tool_use_id": "t", "content": given}
        messages.append({"role": "user", "content": [result]})
    return {
        "model": "claude-opus-4-8",
        "stream": True,
        "system": [{"type": "text", "text": f" - Primary working directory: {WORKSPACE}\n - x"}],
        "tools": [{"name": "Bash"}, {"name": "Write"}],
        "messages": messages,
    }


def _claude_deltas(events: list[Body], kind: str, field: str) -> str:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return "".join(str(at(delta, field)) for delta in deltas if at(delta, "type") == kind)


def _claude_calls(events: list[Body]) -> list[tuple[str, object]]:
    calls = []
    for start in events:
        if at(start, "content_block", "type") == "tool_use":
            own = [event for event in events if event.get("index") == start["index"]]
            arguments = json.loads(_claude_deltas(own, "input_json_delta", "partial_json"))
            calls.append((str(at(start, "content_block", "name")), arguments))
    return calls


def _claude_tokens(events: list[Body]) -> tuple[object, object]:
    (end,) = [event for event in events if event["type"] == "message_delta"]
    return at(events[0], "message", "usage", "input_tokens"), at(end, "usage", "output_tokens")


CLAUDE = Client(
    api="anthropic",
    path="/v1/messages?beta=true",
    headers={"x-api-key": "a-key", "anthropic-version": "2023-06-01"},
    body=_claude,
    said=lambda events: _claude_deltas(events, "text_delta", "text"),
    calls=_claude_calls,
    tokens=_claude_tokens,
    shell=("Bash", {"command": "make", "timeout": 600_000}),
    write=("Write", {"file_path": f"{WORKSPACE}/a/b.txt", "content": "one\ntwo\n"}),
    error=lambda body: (at(body, "error", "type"), at(body, "error", "message")),
    kind="rate_limit_error",
)


# --- codex --------------------------------------------------------------------


def _codex(prompts: list[str], given: str) -> Body:
    around = f"<environment_context>\n  <cwd>{WORKSPACE}</cwd>\n</environment_context>"
    items: list[Body] = [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        for text in ["# AGENTS.md instructions for x\n\n<INSTRUCTIONS>", around, *prompts]
    ]
    if given:
        items.append({"type": "function_call_output", "call_id": "c", "output": given})
    return {
        "model": "gpt-5.5",
        "stream": True,
        "tools": [
            {"type": "function", "name": "exec_command"},
            {"type": "custom", "name": "apply_patch"},
        ],
        "input": items,
    }


def _codex_calls(events: list[Body]) -> list[tuple[str, object]]:
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    functions = [
        (str(at(item, "name")), json.loads(str(at(item, "arguments"))))
        for item in done
        if at(item, "type") == "function_call"
    ]
    patches = [
        (str(at(item, "name")), at(item, "input"))
        for item in done
        if at(item, "type") == "custom_tool_call"
    ]
    return functions + patches


def _codex_deltas(events: list[Body]) -> str:
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    return "".join(str(event["delta"]) for event in deltas)


def _codex_tokens(events: list[Body]) -> tuple[object, object]:
    usage = at(events[-1], "response", "usage")
    return at(usage, "input_tokens"), at(usage, "output_tokens")


CODEX = Client(
    api="openai",
    path="/v1/responses",
    headers={"authorization": "Bearer a-key"},
    body=_codex,
    said=_codex_deltas,
    calls=_codex_calls,
    tokens=_codex_tokens,
    shell=("exec_command", {"cmd": "make", "yield_time_ms": 30_000}),
    write=(
        "apply_patch",
        "*** Begin Patch\n*** Add File: a/b.txt\n+one\n+two\n*** End Patch\n",
    ),
    error=lambda body: (at(body, "error", "code"), at(body, "error", "message")),
    kind="rate_limit_exceeded",
)


# --- gemini -------------------------------------------------------------------


def _gemini(prompts: list[str], given: str) -> Body:
    around = f"<session_context>\n- **Workspace Directories:**\n  - {WORKSPACE}\n- x\n"
    contents: list[Body] = [
        {"role": "user", "parts": [{"text": around}, {"text": prompt}]} for prompt in prompts
    ]
    if given:
        response = {"name": "run_shell_command", "response": {"output": given}}
        contents.append({"role": "user", "parts": [{"functionResponse": response}]})
    names = ["run_shell_command", "write_file"]
    return {
        "contents": contents,
        "tools": [{"functionDeclarations": [{"name": name} for name in names]}],
    }


def _gemini_parts(events: list[Body]) -> list[object]:
    parts = [at(event, "candidates", 0, "content", "parts") for event in events]
    return [part for some in parts if isinstance(some, list) for part in some]


def _gemini_said(events: list[Body]) -> str:
    parts = _gemini_parts(events)
    return "".join(str(at(part, "text") or "") for part in parts if not at(part, "thought"))


def _gemini_calls(events: list[Body]) -> list[tuple[str, object]]:
    calls = [at(part, "functionCall") for part in _gemini_parts(events)]
    return [(str(at(call, "name")), at(call, "args")) for call in calls if call]


def _gemini_tokens(events: list[Body]) -> tuple[object, object]:
    assert at(events[-1], "candidates", 0, "finishReason") == "STOP"
    usage = at(events[-1], "usageMetadata")
    return at(usage, "promptTokenCount"), at(usage, "candidatesTokenCount")


GEMINI = Client(
    api="google",
    path="/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
    headers={"x-goog-api-key": "a-key"},
    body=_gemini,
    said=_gemini_said,
    calls=_gemini_calls,
    tokens=_gemini_tokens,
    shell=("run_shell_command", {"command": "make"}),
    write=("write_file", {"file_path": f"{WORKSPACE}/a/b.txt", "content": "one\ntwo\n"}),
    error=lambda body: (at(body, "error", "status"), at(body, "error", "message")),
    kind="RESOURCE_EXHAUSTED",
)


CLIENTS = (CLAUDE, CODEX, GEMINI)
