"""Tokens as Claude Code counts them. What went in counts cache reads and writes too."""

from collections.abc import Mapping, Sequence

from wfd.domain.outcome import MAX_TOKENS, Usage
from wfd_runners.fields import mapping, whole


def used_by(event: Mapping[str, object]) -> Usage:
    """The tokens of a whole process: by model where told, else those of the last turn."""
    models = [m for m in mapping(event, "modelUsage").values() if isinstance(m, dict)]
    if models:
        names = ("inputTokens", "cacheCreationInputTokens", "cacheReadInputTokens", "outputTokens")
        return _sum(models, *names)
    told = mapping(event, "usage")
    return usage_of(told) if told else Usage()


def usage_of(told: Mapping[str, object]) -> Usage:
    """The `usage` of one message or turn."""
    return _sum(
        [told],
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
    )


def _sum(
    counts: Sequence[Mapping[str, object]], fresh: str, written: str, cached: str, out: str
) -> Usage:
    def total(*keys: str) -> int:
        told = sum(max(0, whole(count, key) or 0) for count in counts for key in keys)
        return min(told, MAX_TOKENS)

    return Usage(
        tokens_in=total(fresh, written, cached), tokens_cached=total(cached), tokens_out=total(out)
    )
