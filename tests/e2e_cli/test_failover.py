"""A limit of a subscription holds its account, and another AI goes on where one is defined."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.e2e_cli.clis import CLIS, KEY, Cli
from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Fail, Say, Shell, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

    from wfd.domain.run import Run

BEGUN = Turn(Write("greeting.txt", "hello\n"))
WORK = [BEGUN, Turn(Say("Greets now."))]
GOES_ON = [Turn(Shell("echo and goodbye >> greeting.txt")), Turn(Say("Greets twice now."))]
OTHER_KEY = "sk-e2e-of-the-other-account"


def limit(cli: Cli) -> Fail:
    """Reached for longer than any test takes."""
    return cli.limit(int(time.time()) + 2 * 3600)


def test_an_account_at_its_limit_starts_nothing_until_a_person_lifts_the_hold(
    stage: "Stage",
) -> None:
    """Neither another assignment nor a restart knocks at it."""
    stage.daemon.sets(**stage.cli.subscription())
    _tunes(stage, stage.cli.name, stage.cli, limits={"jobs": 1})
    stage.plays(implement=[limit(stage.cli)])
    one = stage.begins()
    stage.daemon.until(lambda: stage.outcomes(one) == ["rate_limited"], "rate limited")
    asked = len(stage.server.requests)

    stage.daemon.kill9()
    stage.daemon.start()
    two = stage.daemon.create()
    stage.daemon.until(lambda: stage.daemon.jobs(two)[0].waits_for == "ai", "the next one parked")

    assert stage.runs(two) == []
    assert stage.outcomes(one) == ["rate_limited"]
    assert len(stage.server.requests) == asked

    stage.plays(implement=[*WORK, *WORK], pm=[structured(COMPLETE)])
    assert stage.daemon.wfctl("ai", "resume", stage.cli.name).code == 0

    assert [stage.daemon.settled(of).state for of in (one, two)] == ["complete"] * 2
    stage.daemon.assert_sound()
    assert [job.attempts for of in (one, two) for job in stage.daemon.jobs(of)] == [1] * 4


def test_another_account_of_the_same_cli_goes_on_in_the_same_workspace(stage: "Stage") -> None:
    login = {stage.cli.login: "OTHER_LOGIN"}
    home = {"harness": stage.cli.name, "account": "home", "env": login}
    stage.daemon.sets(**stage.cli.subscription(), OTHER_LOGIN=OTHER_KEY)

    of_work, of_home = _hands_off(stage, home, stage.cli)

    assert (of_work.account, of_home.account) == ("work", "home")
    keys = [seen.key for seen in stage.asked("implement")]
    assert keys == [KEY, KEY, OTHER_KEY, OTHER_KEY], "each with the login of its own account"


def test_another_cli_goes_on_in_the_same_workspace(stage: "Stage") -> None:
    other = CLIS[(CLIS.index(stage.cli) + 1) % len(CLIS)]
    stage.daemon.sets(**other.set_up(stage.daemon.tmp / "home", stage.server.url))
    stage.daemon.sets(**stage.cli.subscription())

    of_work, of_home = _hands_off(stage, {"harness": other.name}, other)

    assert (of_work.harness, of_home.harness) == (stage.cli.name, other.name)
    apis = [seen.api for seen in stage.asked("implement")]
    assert apis[0] != apis[-1]


def _hands_off(stage: "Stage", home: Mapping[str, object], other: Cli) -> "tuple[Run, Run]":
    """Have `work` begin a job and meet its limit: the runs of it and of `home`, which goes on."""
    ais = {"work": {"harness": stage.cli.name, "account": "work"}, "home": home}
    _tunes(stage, "work", stage.cli, other, ais=ais)
    stage.plays(implement=[BEGUN, limit(stage.cli), *GOES_ON], pm=[structured(COMPLETE)])
    one = stage.begins()

    assert stage.ends(one) == "complete"

    of_work, of_home = stage.runs(one)
    assert [run.ai for run in (of_work, of_home)] == ["work", "home"]
    assert [run.outcome for run in (of_work, of_home)] == ["rate_limited", "succeeded"]
    assert of_home.resumed is None, "a session of another login is not to be gone on with"
    assert stage.daemon.jobs(one)[0].attempts == 1
    assert "failover" in [decision.kind for decision in stage.daemon.decisions(one)]
    assert stage.shown(one, "greeting.txt") == "hello\nand goodbye"
    first, *_, last = stage.asked("implement")
    assert "What another agent has begun" not in first.prompt
    assert "another agent (work)" in last.prompt
    assert "+hello" in last.prompt
    return of_work, of_home


def _tunes(stage: "Stage", default: str, *clis: Cli, **keys: object) -> None:
    models = {cli.name: {"model": cli.model} for cli in clis}
    stage.daemon.tunes(harnessDefaults={"default": default}, harnesses=models, **keys)
