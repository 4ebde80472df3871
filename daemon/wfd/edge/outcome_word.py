"""How a job ended, in a word."""

from wfd.domain.job import CLOSED, JobState
from wfd.domain.outcome import Kind


def ended(state: JobState, outcome: Kind | None) -> str | None:
    """How the last run of a job ended, as a word for the job: what a PM wanted may be refused."""
    if state not in CLOSED:
        return outcome and f"after {outcome}"
    is_refused = state is JobState.FAILED and outcome is Kind.SUCCEEDED
    return "refused" if is_refused else outcome
