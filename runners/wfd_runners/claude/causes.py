"""What Claude Code's own words, codes and statuses of failure mean."""

import re

from wfd.domain.outcome import Kind
from wfd_runners.causes import Table, by_table
from wfd_runners.statuses import by_status

_BY_CODE = {  # `error` of a synthetic assistant event
    "authentication_failed": Kind.AUTH,
    "oauth_org_not_allowed": Kind.AUTH,
    "billing_error": Kind.AUTH,
    "rate_limit": Kind.RATE_LIMITED,
    "overloaded": Kind.TRANSIENT,
    "server_error": Kind.TRANSIENT,
    "model_not_found": Kind.USAGE,
    "max_output_tokens": Kind.FAILED,
}

# The first that matches wins, so what is certain stands above what is vague.
_BY_WORDS: Table = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            Kind.POISONED,
            r"no conversation found|session id \S+ is already in use|prompt is too long"
            r"|request too large|context (?:window|length|limit) (?:is |was )?(?:full|exceeded)"
            r"|exceeds? (?:the )?(?:model's )?(?:maximum )?context|conversation (?:is )?too long",
        ),
        (
            Kind.AUTH,
            r"not logged in|please run /login|invalid (?:api key|x-api-key|bearer|auth)"
            r"|authentication_error|oauth token (?:has )?(?:expired|been revoked|revoked)"
            r"|credit balance is too low|organization has been disabled"
            r"|api error: 40[13]\b|does not have access to claude",
        ),
        (
            Kind.RATE_LIMITED,
            r"hit your [\w\- ]*limit|usage limit reached|rate.?limit|\(429\)|api error: 429"
            r"|out of (?:extra )?usage|quota exceeded",
        ),
        (
            Kind.USAGE,
            r"issue with the selected model|unknown option|unknown argument|too many arguments"
            r"|option '[^']*' argument|argument missing|--json-schema is not valid"
            r"|cannot be used with root|stdin input exceeds|input must be provided"
            r"|invalid session id|invalid settings|invalid mcp config"
            r"|cannot be used with|requires? (?:a|an|the) .*(?:flag|option|argument)"
            r"|api error: 404\b",
        ),
        (
            Kind.TRANSIENT,
            r"unable to connect|connection ?(?:refused|reset|error|closed|timed out|lost)"
            r"|econn\w+|etimedout|enotfound|eai_again|epipe|socket hang up|fetch failed"
            r"|overloaded|server[ _]error|request timed out|api error: 5\d\d\b"
            r"|stream (?:idle|ended|closed)|timed out",
        ),
    )
)

_REFUSAL = re.compile(r"unable to respond to this request|usage policy", re.IGNORECASE)


def by_code(code: str | None, status: int | None) -> Kind | None:
    """The kind of an API failure, when its code or its HTTP status is certain of it."""
    return by_status(status) or _BY_CODE.get(code or "")


def by_words(words: str) -> Kind | None:
    """The kind that a sentence of the CLI names, or None."""
    if _REFUSAL.search(words):
        return Kind.FAILED
    return by_table(words, _BY_WORDS)
