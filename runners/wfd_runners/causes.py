"""What words of failure mean, whichever CLI says them: limits, lost logins, a network, a machine.

Each CLI has a table of its own words beside this. Words of an agent never come here: it may write
about rate limits as its task.
"""

import re
from collections.abc import Sequence

from wfd.domain.outcome import Kind
from wfd_runners.reset_times import names_a_time

MAX_WORDS = 4_000  # characters: a sentence of failure has fewer, and an answer may have millions

Table = Sequence[tuple[Kind, re.Pattern[str]]]

_NOUN = (
    r"(?:limits?|quotas?|allowances?|usage|credits?"
    r"|(?:message|request|prompt|token|spend\w*)s? caps?)"
)
_SPENT = (
    r"(?:reached|hit|exceed\w*|exhaust\w*|deplet\w*|used (?:up|all)|spent|maxed out"
    r"|r[au]n out|out of|over (?:your|the)|no (?:more|remaining)|gone)"
)
_IS_SPENT = re.compile(
    rf"\b{_NOUN}\b[^\n]{{0,80}}?\b{_SPENT}\b|\b{_SPENT}\b[^\n]{{0,80}}?\b{_NOUN}\b"
    r"|\bout of (?:\w+ )?(?:messages|requests|prompts|tokens)\b|too many requests|throttl\w+",
    re.IGNORECASE,
)
_IS_NAMED = re.compile(rf"\b{_NOUN}\b", re.IGNORECASE)
# Limits of one conversation, of a program or of its machine, which no waiting lifts.
_NO_ACCOUNTS = re.compile(
    r"\b(?:context|conversation|prompt is|output.tokens?|max_tokens|length|turns?|sizes?|bytes"
    r"|characters|[kmg]i?b|files?|memory|heap|stack|recursion|depth|nesting|time.?limit|time.?outs?"
    r"|timed out|disk|storage|space|processes|threads|retry limit|attempts?|iterations?)\b",
    re.IGNORECASE,
)

_COMMON = {
    Kind.AUTH: re.compile(
        r"failed to authenticate|authentication (?:has )?(?:failed|required|expired)"
        r"|could not be refreshed|refresh.?token|re-?authenticate|log ?in again|sign in again"
        r"|(?:session|login|token|credentials?) (?:has |have |is |are )?(?:expired|revoked)"
        r"|(?:please|must|need to) (?:log|sign) ?in\b|401 unauthorized|not authenticated",
        re.IGNORECASE,
    ),
    Kind.TRANSIENT: re.compile(
        r"\be(?:again|nomem|mfile|nfile|nospc|txtbsy|pipe|netunreach|hostunreach|timedout"
        r"|notfound|ai_again|conn(?:refused|reset|aborted))\b|resource temporarily unavailable"
        r"|cannot allocate memory|too many open files|no space left on device|text file busy"
        r"|network is unreachable|name resolution|could not resolve|dns error"
        r"|connection (?:refused|reset|closed|timed out)|socket hang up",
        re.IGNORECASE,
    ),
}


def by_table(words: str, table: Table) -> Kind | None:
    """The kind that a sentence of failure names. The first row that matches wins.

    Beside a CLI's own row for a kind counts what any of them may say of it.
    """
    for kind, pattern in table:
        common = _COMMON.get(kind)
        if pattern.search(words) or (common is not None and common.search(words)):
            return kind
        if kind is Kind.RATE_LIMITED and is_limit(words):
            return kind
    return None


def is_limit(words: str) -> bool:
    """Whether a sentence of failure tells of a limit of the account, in whatever words.

    It says that something is used up, or names what has a limit and when that begins anew.
    """
    words = words[:MAX_WORDS]
    if _IS_NAMED.search(words) and names_a_time(words):
        return True
    return _IS_SPENT.search(words) is not None and _NO_ACCOUNTS.search(words) is None
