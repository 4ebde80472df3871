"""A hand-off: what an AI must know that goes on with what another has begun."""

from dataclasses import dataclass

from wfd.domain.run import Run
from wfd.rules.clip import clip, largest
from wfd.rules.quote import quote

MAX_ANSWER = 12_000  # characters
MAX_STAT = 3_000
MAX_PATCH = 20_000


@dataclass(frozen=True)
class HandOff:
    before: Run  # the last run of this job that has begun
    stat: str  # what the job has changed so far
    patch: str


def hand_off_words(hand_off: HandOff) -> str:
    """The section of a prompt. All that the other has said or done is quoted as data."""
    run = hand_off.before
    who = "somebody who works by hand" if run.by_hand else f"another agent ({run.ai})"
    parts = [
        "## What another agent has begun",
        f"You continue work that {who} was given in the same words as you. That run ended"
        f" as {run.outcome or 'interrupted'} and will not be resumed; you cannot see its"
        " session. The workspace is the one that it worked in.",
    ]
    if run.message:
        parts += ["Why it ended:", quote(run.message, "message")]
    if run.answer and run.answer.strip():
        said = clip(run.answer, MAX_ANSWER)
        parts += ["Its last message, which is a claim and no proof:", quote(said, "earlier answer")]
    if hand_off.stat.strip():
        parts += ["The files that differ since this job began:"]
        parts += [quote(largest(hand_off.stat, MAX_STAT), "changed files")]
        parts += ["These changes as a patch; the files themselves are in the workspace:"]
        parts += [quote(clip(hand_off.patch, MAX_PATCH), "patch")]
    else:
        parts += ["No change of it has been kept so far."]
    parts += ["Look at what is there, keep what is right, and finish what you were asked to do."]
    return "\n\n".join(parts) + "\n"
