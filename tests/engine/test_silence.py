"""Which silence ends a run, and which does not."""

import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from structlog.testing import capture_logs

from wfd.domain.signal import Retrying
from wfd.engine.silence import Silence
from wfd.store.statements import statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
UNANNOUNCED = {"api_retry": {"delay_ms": 0, "status": 529}}


async def _first_run(bench: "Bench") -> "Run":
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await engine.settled(one)
        return (await engine.runs(one))[0]


async def _until_run(engine: "Opened", of: "AssignmentId", holds: "Callable[[Run], bool]") -> "Run":
    with anyio.fail_after(60):
        while True:
            for run in await engine.runs(of):
                if holds(run):
                    return run
            await anyio.sleep(0.02)


async def test_an_agent_that_said_for_how_long_it_waits_is_not_stalled_meanwhile(
    bench: "Bench",
) -> None:
    bench.configures(stallMs=1000)
    overloaded = {"api_retry": {"delay_ms": 60_000, "status": 529}}
    bench.plays({"implement": [[overloaded, {"sleep": 2.5}, EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")


async def test_an_agent_that_is_slow_to_start_has_the_time_for_its_first_line(
    bench: "Bench",
) -> None:
    bench.configures(stallMs=1000)
    slow = bench.tmp / "slow-agent"
    slow.write_text(f'#!/bin/sh\nsleep 2.5\nexec {sys.executable} -P -m wfd_runners.sim "$@"\n')
    slow.chmod(0o755)
    bench.flags["harnesses"] = {"sim": {"binary": str(slow)}}
    bench.plays({"implement": [[EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")


async def test_what_an_agent_says_after_its_result_buys_it_no_time(bench: "Bench") -> None:
    bench.flags["afterResultMs"] = 500
    talker = bench.tmp / "talker"
    sim = f'{sys.executable} -P -m wfd_runners.sim "$@"'
    talker.write_text(f'#!/bin/sh\n{sim}\nwhile :; do echo \'{{"type":"x"}}\'; sleep 0.1; done\n')
    talker.chmod(0o755)
    bench.flags["harnesses"] = {"sim": {"binary": str(talker)}}
    bench.plays({"implement": [[EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "timeout")


async def test_a_store_that_fails_for_a_moment_ends_no_agent(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(statements(), "record_session", "update nowhere set id = :id")
    bench.plays({"implement": [[EDIT]]})
    run = await _first_run(bench)
    assert run.outcome == "succeeded"
    assert run.session_id is not None, "the end of the run tells it as well"


# --- a CLI that tries again ---------------------------------------------------


async def test_what_a_cli_does_instead_of_working_is_seen_while_it_does_it(
    bench: "Bench",
) -> None:
    on, end = bench.tmp / "on", bench.tmp / "end"
    retry = {"api_retry": {"attempt": 2, "delay_ms": 4000, "status": 429, "error": "rate_limit"}}
    waits = {"wait_for": str(on)}
    bench.plays({"implement": [[retry, waits, {"say": "On."}, {"wait_for": str(end)}, EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        run = await _until_run(engine, one, lambda run: run.activity is not None)
        assert run.activity == "tries again (2) after 4s: 429 rate_limit"
        assert run.retries == 1
        on.touch()
        run = await _until_run(engine, one, lambda run: run.retries == 1 and run.activity is None)
        assert run.state == "running", "it works again"
        end.touch()
        await engine.settled(one)
        assert (await engine.runs(one))[0].retries == 1


async def test_what_a_cli_says_on_stderr_alone_is_its_activity_too(bench: "Bench") -> None:
    end = bench.tmp / "end"
    bench.plays(
        {"implement": [[{"stderr": "Attempt 3 failed: overloaded"}, {"wait_for": str(end)}, EDIT]]}
    )
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        run = await _until_run(engine, one, lambda run: run.activity is not None)
        assert run.activity == "tries again (3): overloaded"
        end.touch()
        await engine.settled(one)
        ended = (await engine.runs(one))[0]
    assert (ended.outcome, ended.activity, ended.retries) == ("succeeded", None, 1)


async def test_a_burst_of_retries_is_counted_whole_and_told_a_few_times(bench: "Bench") -> None:
    bench.plays({"implement": [[*([UNANNOUNCED, {"sleep": 0.02}] * 30), EDIT]]})
    with capture_logs() as logs:
        run = await _first_run(bench)
    told = [line for line in logs if line["event"] == "run.retrying"]
    assert run.retries == 30
    assert 1 <= len(told) <= 4
    assert told[-1]["retries"] == 30
    assert told[-1]["log_level"] == "warning"
    assert (told[-1]["job_id"], told[-1]["run_id"]) == (run.job_id, run.id)
    assert (told[-1]["attempt"], told[-1]["delay_ms"]) == (1, 0)
    assert told[-1]["message"] == "529 overloaded"


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        (UNANNOUNCED, "529 overloaded"),
        ({"api_retry": {"delay_ms": 10, "status": None}}, "overloaded"),
        ({"stderr": "Attempt 3 failed: refused\n    at async f:1 {\n  status: 500\n}"}, "refused"),
    ],
    ids=["on stdout", "with short waits", "on stderr, with a stack trace"],
)
async def test_a_run_that_only_tries_again_is_ended_and_says_so(
    bench: "Bench", retry: dict[str, object], message: str
) -> None:
    bench.configures(stallMs=1000)
    tries = [step for _ in range(100) for step in (retry, {"sleep": 0.1})]
    bench.plays({"implement": [[*({**step, "run": 1} for step in tries), EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("stalled", "stall")
    assert run.message is not None
    said, _, why = run.message.partition("s: ")
    assert said.startswith("it only tried again for ")
    assert why == message
    assert 5 < run.retries < 100


async def test_a_cli_that_gets_on_between_its_retries_is_let_go_on(bench: "Bench") -> None:
    bench.configures(stallMs=1000)
    tries = [UNANNOUNCED, {"sleep": 0.4}, {"stderr": "Attempt 1 failed: x"}, {"sleep": 0.4}]
    bench.plays({"implement": [[*([*tries, {"think": "hm"}] * 4), EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by, run.retries) == ("succeeded", "none", 8)


async def test_another_word_on_stderr_is_a_sign_of_life(bench: "Bench") -> None:
    bench.configures(stallMs=1000)
    bench.plays({"implement": [[*([{"stderr": "still at it"}, {"sleep": 0.4}] * 6), EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")


async def test_an_empty_line_is_a_sign_of_life(bench: "Bench") -> None:
    bench.configures(stallMs=1000)
    bench.plays({"implement": [[*([{"garbage": ""}, {"sleep": 0.4}] * 6), EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")


async def test_an_agent_whose_line_never_ends_is_ended_by_the_cap(bench: "Bench") -> None:
    bench.configures(stallMs=2000)  # for short ticks: it has said no line, so it does not count
    bench.flags["limits"] = {"transcriptBytes": 1_000_000}
    talker = bench.tmp / "talker"
    talker.write_text("#!/bin/sh\nhead -c 2000000 /dev/zero\nexec sleep 60\n")
    talker.chmod(0o755)
    bench.flags["harnesses"] = {"sim": {"binary": str(talker)}}
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        run = await _until_run(engine, one, lambda run: run.outcome is not None)
    assert (run.outcome, run.ended_by) == ("failed", "limit")


async def test_a_store_that_cannot_keep_the_activity_ends_no_agent(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(statements(), "record_activity", "update nowhere set id = :id")
    bench.plays({"implement": [[UNANNOUNCED, {"sleep": 0.3}, EDIT]]})
    with capture_logs() as logs:
        run = await _first_run(bench)
    assert (run.outcome, run.retries) == ("succeeded", 0)
    assert "activity.not_kept" in [line["event"] for line in logs]


def _retry(delay_ms: int | None) -> Retrying:
    return Retrying(1, delay_ms, "overloaded")


def test_an_announced_wait_is_no_silence_and_what_lies_beyond_it_is() -> None:
    silence = Silence(now=0)
    silence.bear(5, _retry(10_000))
    assert silence.ms(15) == 5_000
    silence.bear(20, _retry(None))
    assert silence.ms(20) == 10_000


def test_waits_that_overlap_count_once() -> None:
    silence = Silence(now=0)
    silence.bear(0, _retry(60_000))
    silence.bear(10, _retry(60_000))
    assert silence.ms(70) == 0
    assert silence.ms(71) == 1_000


def test_a_sign_of_life_takes_no_announced_wait_back() -> None:
    silence = Silence(now=0)
    silence.bear(0, _retry(60_000))
    silence.end(10)
    assert silence.ms(61) == 1_000
    assert silence.reason(61) is None


def test_a_wait_that_is_less_than_none_is_none() -> None:
    silence = Silence(now=0)
    silence.bear(0, _retry(-60_000))
    assert silence.ms(1) == 1_000


def test_the_reason_tells_for_how_long_it_gave_no_other_sign() -> None:
    silence = Silence(now=0)
    silence.end(100)
    silence.bear(200, _retry(60_000))
    assert silence.reason(760) == "it only tried again for 11m: overloaded"
