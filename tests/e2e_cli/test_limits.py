"""A key that is refused, and limits: with a time to wait for, and without one."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Say, Turn, Write

from wfd.domain.ai import Hold
from wfd.store.alone import reading

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

WORK = [Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))]
MOST_REQUESTS = 12  # what a CLI may try by itself before wfd waits


def held(stage: "Stage") -> Hold:
    """The one hold that is open."""
    with reading(stage.daemon.place.store_path) as read:
        (hold,) = read.all(Hold, "open_holds")
    return hold


def test_a_key_that_is_refused_twice_asks_a_person_and_is_not_tried_again(stage: "Stage") -> None:
    stage.plays(implement=[stage.cli.refused_key()])
    one = stage.begins()

    assert stage.ends(one) == "blocked"

    assert stage.outcomes(one) == ["auth", "auth"]
    folder = stage.daemon.place.run_folder(stage.runs(one)[0].id).path
    reports = list(folder.glob("tmp/gemini-client-error-*"))
    assert bool(reports) is (stage.cli.name == "gemini"), "kept where nobody else can read"
    (job,) = stage.daemon.jobs(one)
    assert (job.state, job.attempts) == ("queued", 1) or job.state == "waiting"
    assert len(stage.asked("implement")) <= 2 * MOST_REQUESTS


def test_a_rate_limit_without_a_time_is_waited_out_and_costs_no_attempt(stage: "Stage") -> None:
    stage.plays(implement=[stage.cli.rate_limit()])
    one = stage.begins()
    stage.daemon.until(lambda: stage.outcomes(one) == ["rate_limited"], "rate limited")

    (run,), (job,) = stage.runs(one), stage.daemon.jobs(one)
    assert run.reset_at is None
    assert (job.state, job.waits_for, job.attempts) == ("waiting", "ai", 1)
    hold = held(stage)
    assert (hold.account, hold.is_reset_known) == (stage.cli.name, False)
    assert hold.until > stage.daemon.now() + 20_000, "the CLI is not asked again at once"
    assert len(stage.asked("implement")) <= MOST_REQUESTS


def test_a_limit_that_names_its_end_is_waited_for_to_then(stage: "Stage") -> None:
    resets_at = int(time.time()) + 2 * 3600
    stage.daemon.sets(**stage.cli.subscription())
    stage.plays(implement=[stage.cli.limit(resets_at)])
    one = stage.begins()
    stage.daemon.until(lambda: stage.outcomes(one) == ["rate_limited"], "rate limited")

    (run,), (job,) = stage.runs(one), stage.daemon.jobs(one)
    assert run.reset_at is not None
    # some tell the minute only, and the wait is for its end
    assert abs(run.reset_at - resets_at * 1000) <= 61_000
    hold = held(stage)
    assert hold.is_reset_known
    assert hold.until >= run.reset_at
    assert (job.state, job.waits_for, job.attempts) == ("waiting", "ai", 1)
    assert len(stage.asked("implement")) <= 2, "a limit that names its end is not knocked at"


def test_a_short_wait_that_the_provider_names_is_left_to_the_cli(stage: "Stage") -> None:
    short = replace(stage.cli.rate_limit(), headers={"retry-after": "1"})
    stage.plays(implement=[short, *WORK], pm=[structured(COMPLETE)])
    one = stage.begins()

    assert stage.ends(one) == "complete"

    assert stage.outcomes(one) == ["succeeded"]
    assert stage.daemon.jobs(one)[0].attempts == 1


def test_work_goes_on_after_a_limit(stage: "Stage") -> None:
    stage.hurries("rate_limited", 2_000)
    stage.plays(implement=[stage.cli.rate_limit()], pm=[structured(COMPLETE)])
    one = stage.begins()
    stage.daemon.until(lambda: stage.outcomes(one)[:1] == ["rate_limited"], "rate limited")
    stage.plays(implement=WORK, pm=[structured(COMPLETE)])

    assert stage.ends(one) == "complete"

    assert set(stage.outcomes(one)) == {"rate_limited", "succeeded"}
    assert stage.daemon.jobs(one)[0].attempts == 1
    assert stage.shown(one, "greeting.txt") == "hello"
