"""Whether a job that is about to start may: which AI takes it, and what it has to wait for."""

from collections.abc import Callable
from dataclasses import dataclass

from wfd.domain.job import HAND, Job, WaitsFor
from wfd.domain.namespace import Namespace
from wfd.ports import Tx


@dataclass(frozen=True)
class Go:
    """It may start, with this AI."""

    harness: str


@dataclass(frozen=True)
class Park:
    """It goes back and keeps its turn until what it waits for releases it."""

    waits_for: WaitsFor
    waits_on: str


def permit(
    tx: Tx, namespace: Namespace, job: Job, harness_of: Callable[[Namespace, Job], str]
) -> Go | Park:
    harness = harness_of(namespace, job)
    if harness == HAND and not job.is_pm:
        return Park(WaitsFor.AI, HAND)  # until somebody claims it
    return Go(harness)
