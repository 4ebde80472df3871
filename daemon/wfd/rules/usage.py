"""Whose tokens are whose, where a CLI counts them over a whole session."""

from wfd.domain.outcome import Usage


def own_share(told: Usage, earlier: Usage) -> Usage:
    """What one run used: what its CLI told of the session, without what earlier runs used.

    Never below zero, and what was not told stays untold.
    """
    return Usage(
        _beyond(told.tokens_in, earlier.tokens_in),
        _beyond(told.tokens_cached, earlier.tokens_cached),
        _beyond(told.tokens_out, earlier.tokens_out),
    )


def _beyond(told: int | None, earlier: int | None) -> int | None:
    return None if told is None else max(0, told - (earlier or 0))
