"""What codex's own words of failure mean. It gives no codes: all there is are sentences."""

import re

from wfd.domain.outcome import Kind
from wfd_runners.causes import Table, by_table
from wfd_runners.statuses import by_status

# The first that matches wins, so what is certain stands above what is vague.
_BY_WORDS: Table = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            Kind.POISONED,
            r"context window|context_length_exceeded|no rollout found|thread/resume failed"
            r"|no thread with id|image poisoning",
        ),
        (
            Kind.FAILED,
            r"reason: (?:content_filter|max_output_tokens)|usage policy|policy violation"
            r"|flagged (?:for|as|by)",
        ),
        (
            Kind.AUTH,
            r"missing environment variable|not logged in|codex login|sign in again"
            r"|access token could not be refreshed|incorrect api key|out of credits|spend cap"
            r"|to use codex with your chatgpt plan|is missing an api key",
        ),
        (
            Kind.RATE_LIMITED,
            r"hit your usage limit|quota exceeded|rate.limit (?:exceeded|reached)",
        ),
        (
            Kind.USAGE,
            r"does not exist or you do not have access|model is not supported|model_not_found"
            r"|invalid schema for|output schema|error loading config|error parsing .*config"
            r"|no prompt provided|exceeds the maximum length|not inside a trusted directory"
            r"|unknown feature flag|resolve codex_home"
            r"|unexpected argument|invalid value|unrecognized subcommand|a value is required"
            r"|required arguments? w|cannot be used (?:with|multiple times)",
        ),
        (Kind.NOT_FOUND, r"missing optional dependency"),
        (
            Kind.TRANSIENT,
            r"at capacity|high demand|stream disconnected|connection failed|idle timeout"
            r"|waiting for network|request timed out|error while reading the server response",
        ),
        # A request that was refused as such comes as the naked body of the answer, a 400.
        (Kind.POISONED, r"invalid_request_error"),
    )
)

_STATUS = re.compile(r"\bstatus:? (\d{3})\b")


def by_words(words: str) -> Kind | None:
    """The kind that a sentence of codex names, or None."""
    # First, because what follows a status is the server's own text and may say anything.
    if (told := _STATUS.search(words)) and (kind := by_status(int(told[1]))):
        return kind
    return by_table(words, _BY_WORDS)
