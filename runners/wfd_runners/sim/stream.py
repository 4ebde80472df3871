"""The events that the sim agent prints: Claude's, event for event."""

import json
import os
import sys

from wfd_runners.sim.lines import Lines
from wfd_runners.sim.options import Options

VERSION = "0.1.0"
USD_PER_TURN = 0.01
CHARS_PER_TOKEN = 4
TOOLS = ("Bash", "Edit", "Read", "StructuredOutput", "Write")

Json = dict[str, object]

# How the API's failures are called in a stream, and what the CLI says of them.
FAILURES: dict[int | None, tuple[str, str]] = {
    None: ("authentication_failed", "Not logged in · Please run /login"),
    400: ("invalid_request", "Prompt is too long"),
    401: ("authentication_failed", "Invalid API key · Fix external API key"),
    403: ("authentication_failed", "API Error: 403 Forbidden"),
    404: ("model_not_found", "There's an issue with the selected model. It may not exist."),
    429: ("rate_limit", "API Error: Request rejected (429) · Please try again later."),
    529: ("overloaded", "API Error: 529 Overloaded"),
}


class LimitReached(Exception):
    """--max-turns or --max-budget-usd was reached."""

    def __init__(self, subtype: str, message: str) -> None:
        super().__init__(message)
        self.subtype = subtype


class Stream:
    """One session's events. Counts turns, text and what they would have cost."""

    def __init__(self, lines: Lines, options: Options, session_id: str, prompt: str) -> None:
        self._lines = lines
        self._options = options
        self._session_id = session_id
        # what each message tells that it takes, as the prompt goes in again with each
        self._each = (len(prompt) // CHARS_PER_TOKEN + 1, 1)
        self._told: dict[str, tuple[int, int]] = {}  # by the ids of messages
        self._tokens: tuple[int, int] | None = None  # of the whole run, where the script says so
        self._said = 0
        self._tools = 0
        self._events = 0
        self._cost_usd: float | None = None
        self._structured: object = None
        self.has_result = False

    def init(self) -> None:
        denied = self._options.denied_tools
        self._emit(
            type="system",
            subtype="init",
            cwd=os.getcwd(),  # noqa: PTH109 - as the kernel says it, no Path needed
            tools=[tool for tool in TOOLS if tool not in denied],
            mcp_servers=[],
            model=self._options.model,
            permissionMode="bypassPermissions",
            apiKeySource="none",
            claude_code_version=VERSION,
        )

    def say(self, text: str) -> None:
        self._turn()
        self._said += len(text)
        self._assistant({"type": "text", "text": text})

    def think(self, text: str) -> None:
        self._said += len(text)
        self._assistant({"type": "thinking", "thinking": text, "signature": "c2lt"})

    def call(self, tool: str, given: Json) -> str:
        """Announce a tool call and return its id, for `answer`."""
        self._turn()
        self._tools += 1
        tool_id = f"toolu_{self._tools:04}"
        self._assistant({"type": "tool_use", "id": tool_id, "name": tool, "input": given})
        return tool_id

    def answer(self, tool_id: str, text: str, *, is_error: bool = False) -> None:
        block: Json = {"tool_use_id": tool_id, "type": "tool_result", "content": text}
        self._emit(
            type="user",
            message={"role": "user", "content": [{**block, "is_error": is_error}]},
            parent_tool_use_id=None,
            tool_use_result=f"Error: {text}" if is_error else {"stdout": text, "stderr": ""},
        )

    def structured(self, answer: object) -> None:
        tool_id = self.call("StructuredOutput", answer if isinstance(answer, dict) else {})
        self.answer(tool_id, "Structured output provided successfully")
        self._structured = answer

    def retry(self, given: Json) -> None:
        self._emit(
            type="system",
            subtype="api_retry",
            attempt=given.get("attempt", 1),
            max_retries=given.get("max_retries", 2),
            retry_delay_ms=given.get("delay_ms", 500),
            error_status=given.get("status", 529),
            error=given.get("error", "overloaded"),
        )

    def cost(self, usd: float) -> None:
        """What the result reports, instead of what the text would have cost."""
        self._cost_usd = usd

    def tokens(self, tokens_in: int, tokens_out: int) -> None:
        """What the result reports, whatever the messages have told."""
        self._tokens = (tokens_in, tokens_out)

    def message_tokens(self, tokens_in: int, tokens_out: int) -> None:
        """What each further message tells that it takes."""
        self._each = (tokens_in, tokens_out)

    def result(self, text: str) -> None:
        if self._structured is not None:
            text = json.dumps(self._structured, ensure_ascii=False, separators=(",", ":"))
        else:
            self.say(text)
        fields: Json = {"result": text, "terminal_reason": "completed"}
        if self._structured is not None:
            fields["structured_output"] = self._structured
        self._result("success", fields)

    def api_error(self, status: int | None, text: str | None, reset_at: int | None) -> None:
        """What the CLI prints when the API fails for good."""
        code, words = FAILURES.get(status, ("server_error", f"API Error: {status}"))
        if reset_at is not None:
            self._rejected(reset_at)
            words = f"You've hit your session limit · resets {_clock(reset_at)} (UTC)"
        words = words if text is None else text
        self._synthetic(words, error=code)
        reason = "prompt_too_long" if status == 400 else "completed"
        fields: Json = {"result": words, "api_error_status": status, "terminal_reason": reason}
        self._result("success", fields, is_error=True, is_free=True)

    def unknown_command(self, prompt: str) -> None:
        words = f"Unknown command: {prompt.split()[0]}"
        self._synthetic(words)
        self._result("success", {"result": words, "num_turns": 0}, is_free=True)

    def limit_reached(self, limit: LimitReached) -> None:
        self._result(limit.subtype, {"errors": [str(limit)]}, is_error=True)

    def interrupted(self) -> None:
        note = {"type": "text", "text": "[Request interrupted by user]"}
        self._emit(type="user", message={"role": "user", "content": [note]})
        why = "[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null"
        reason = "aborted_tools" if self._tools else "aborted_streaming"
        fields: Json = {"terminal_reason": reason, "errors": [why]}
        self._result("error_during_execution", fields, is_error=True, is_free=True)

    def unknown_session(self) -> None:
        words = f"No conversation found with session ID: {self._session_id}"
        fields: Json = {"num_turns": 0, "errors": [words]}
        self._result("error_during_execution", fields, is_error=True, is_free=True)
        sys.stderr.write(words + "\n")

    def garbage(self, text: str) -> None:
        """A line as it is: each character up to U+00FF as that byte, or all as UTF-8."""
        try:
            self._lines.write(text.encode("latin-1"))
        except UnicodeEncodeError:
            self._lines.write(text.encode("utf-8", "surrogatepass"))

    def huge(self, size: int) -> None:
        """One event whose line has so many bytes."""
        self._turn()
        bare = len(_line(self._assistant_event({"type": "text", "text": ""})))
        text = "x" * max(0, size - bare)
        self._events -= 1  # measured, not printed
        self._assistant({"type": "text", "text": text})

    # --- below the events -------------------------------------------------------

    @property
    def _turns(self) -> int:
        return self._tools + 1

    def _turn(self) -> None:
        """Raises LimitReached where Claude would not ask its model again."""
        turns, budget = self._options.max_turns, self._options.max_budget_usd
        if turns is not None and self._tools >= turns:
            raise LimitReached("error_max_turns", f"Reached maximum number of turns ({turns:.0f})")
        if budget is not None and self._cost(self._tools) > budget:
            raise LimitReached("error_max_budget_usd", f"Reached maximum budget (${budget:g})")

    def _cost(self, turns: int) -> float:
        return round(turns * USD_PER_TURN, 6) if self._cost_usd is None else self._cost_usd

    def _assistant(self, block: Json) -> None:
        self._lines.write(_line(self._assistant_event(block)))

    def _assistant_event(self, block: Json) -> Json:
        message_id = f"msg_{self._turns:04}"
        tokens_in, tokens_out = self._told.setdefault(message_id, self._each)
        message: Json = {
            "id": message_id,
            "type": "message",
            "role": "assistant",
            "model": self._options.model,
            "content": [block],
            "stop_reason": None,
            "usage": {"input_tokens": tokens_in, "output_tokens": tokens_out},
        }
        return self._event(type="assistant", message=message, parent_tool_use_id=None)

    def _synthetic(self, text: str, error: str | None = None) -> None:
        message: Json = {
            "type": "message",
            "role": "assistant",
            "model": "<synthetic>",
            "content": [{"type": "text", "text": text}],
        }
        extra: Json = {} if error is None else {"error": error}
        self._emit(type="assistant", message=message, parent_tool_use_id=None, **extra)

    def _rejected(self, reset_at: int) -> None:
        info: Json = {"status": "rejected", "resetsAt": reset_at, "rateLimitType": "five_hour"}
        self._emit(type="rate_limit_event", rate_limit_info={**info, "isUsingOverage": False})

    def _result(
        self, subtype: str, fields: Json, *, is_error: bool = False, is_free: bool = False
    ) -> None:
        cost = 0 if is_free else self._cost(self._turns)
        tokens_in, tokens_out = (0, 0) if is_free else self._used()
        usage = {"inputTokens": tokens_in, "outputTokens": tokens_out, "costUSD": cost}
        common: Json = {
            "subtype": subtype,
            "is_error": is_error,
            "num_turns": self._turns,
            "total_cost_usd": cost,
            "usage": {"input_tokens": tokens_in, "output_tokens": tokens_out},
            "modelUsage": {} if is_free else {self._options.model: usage},
            "permission_denials": [],
        }
        self.has_result = True
        self._emit(type="result", **{**common, **fields})

    def _used(self) -> tuple[int, int]:
        if self._tokens is not None:
            return self._tokens
        told = [*self._told.values()] or [self._each]
        spoken = self._said // CHARS_PER_TOKEN + 1
        return sum(t[0] for t in told), max(spoken, sum(t[1] for t in told))

    def _emit(self, **fields: object) -> None:
        self._lines.write(_line(self._event(**fields)))

    def _event(self, **fields: object) -> Json:
        self._events += 1
        uuid = f"00000000-0000-4000-8000-{self._events:012}"
        return {**fields, "session_id": self._session_id, "uuid": uuid}


def _line(event: Json) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _clock(unix_seconds: int) -> str:
    hour, minute = unix_seconds // 3600 % 24, unix_seconds // 60 % 60
    half = "pm" if hour >= 12 else "am"
    return f"{hour % 12 or 12}:{minute:02}{half}" if minute else f"{hour % 12 or 12}{half}"
