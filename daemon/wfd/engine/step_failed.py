"""A step of the daemon's own that fails: which it was, why, and what of the run is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from wfd.domain.errors import Broken, CannotRun, Conflict, LeaseLost
from wfd.domain.outcome import Kind, Outcome

FORESEEN = (Broken, Conflict, OSError)  # what is around it; all else is a fault of the code


@contextmanager
def during(step: str) -> Iterator[None]:
    """Have whatever fails here know in which step it did. The innermost step counts."""
    try:
        yield
    except LeaseLost:
        raise
    except Exception as error:
        error.add_note(step)
        raise


def outcome_of(error: Exception) -> Outcome:
    """How a run ends whose agent is done, and whose end failed."""
    if isinstance(error, CannotRun):  # which says what could not be run
        return Outcome(Kind.STEP_FAILED, str(error))
    step = next(iter(getattr(error, "__notes__", ())), "its end")
    return Outcome(Kind.STEP_FAILED, f"{step} failed: {words_of(error)}")


def words_of(error: Exception) -> str:
    return str(error) if isinstance(error, FORESEEN) else f"{type(error).__name__}: {error}"
