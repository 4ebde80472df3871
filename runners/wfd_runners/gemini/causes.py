"""What Gemini CLI's own words, statuses and exit codes of failure mean."""

import re

from wfd.domain.outcome import Kind
from wfd_runners.causes import Table, by_table
from wfd_runners.fields import mapping, parse, text, whole
from wfd_runners.statuses import KINDS, by_status

_BY_EXIT = {  # its own; any other is the status of the API, cut to a byte
    41: Kind.AUTH,
    42: Kind.USAGE,
    44: Kind.USAGE,  # no sandbox
    52: Kind.USAGE,  # its settings
    53: Kind.FAILED,  # turns
    54: Kind.FAILED,  # a tool, as on a full disk
    55: Kind.USAGE,  # a folder that it does not trust
}
_STATUSES = (*KINDS, 400, 500, 502, 503, 504)

# The first that matches wins, so what is certain stands above what is vague.
_BY_WORDS: Table = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            Kind.POISONED,
            r"error resuming session|error importing session|session id \S+ already exists"
            r"|no previous sessions found|invalid session identifier"
            r"|exceeds the maximum number of tokens|exceeds the (?:model's )?context",
        ),
        (
            Kind.FAILED,
            r"loop detected|max(?:imum)? session turns|response was (?:blocked|truncated)"
            r"|no final response text|empty response|agent execution (?:blocked|stopped)",
        ),
        (
            Kind.AUTH,
            r"api.?key not (?:valid|found)|api key expired|api_key_invalid"
            r"|must specify the gemini_api_key|set an auth method|invalid auth method"
            r"|manual authorization is required|unauthenticated|permission_denied"
            r"|authentication type|credentials|please re-?authenticate|billing (?:account|is not)",
        ),
        (
            Kind.RATE_LIMITED,
            r"exhausted your (?:daily )?(?:quota|capacity)|exceeded your current quota"
            r"|quota exceeded|resource_exhausted|rate.?limit|suggested retry after",
        ),
        (
            Kind.USAGE,
            r"unknown arguments?:|invalid values:|not enough arguments|no input provided"
            r"|is not found for api version|model not found|not_found|unexpected model name"
            r"|not running in a trusted directory|fix the configuration file"
            r"|cannot be used|yolo mode is disabled|error processing the @ command",
        ),
        (
            Kind.TRANSIENT,
            r"fetch failed|terminated|overloaded|unavailable|internal error|deadline"
            r"|without a finish reason|econn\w+|etimedout|enotfound|eai_again|socket hang up"
            r"|timed? ?out|premature close|other side closed",
        ),
    )
)

_BRACKETED = re.compile(r"\[API Error: (?P<words>.*?)\](?:\n.*)?", re.DOTALL)


def by_words(words: str) -> Kind | None:
    """The kind that a sentence of the CLI names, or None."""
    status, said = _unwrap(words)
    if status is not None and (kind := by_status(status)):
        return kind
    # A 400 refuses the conversation as such: only a fresh session can help.
    return by_table(said, _BY_WORDS) or (Kind.POISONED if status == 400 else None)


def by_exit(code: int | None) -> Kind | None:
    """The kind that an exit code names, or None. 173, which is 429 in a byte, is a rate limit."""
    if code in _BY_EXIT:
        return _BY_EXIT[code]
    status = next((status for status in _STATUSES if status & 0xFF == code), 0)
    return Kind.POISONED if status == 400 else by_status(status)


def readable(words: str) -> str:
    """The sentence in what the CLI prints for a failed request, which may be naked JSON."""
    status, said = _unwrap(words)
    if said == words:
        return words
    return f"API error: {said}" if status is None else f"{status} {said}"


def _unwrap(words: str) -> tuple[int | None, str]:
    bracketed = _BRACKETED.fullmatch(words)
    inner = bracketed["words"] if bracketed else words
    error = mapping(parse(inner.encode("utf-8", "replace")) or {}, "error")
    return whole(error, "code"), text(error, "message") or inner
