"""What an agent leaves running, a daemon that is killed, and sessions that go on or do not."""

import uuid
from typing import TYPE_CHECKING

from tests.daemon_process import running
from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Hang, Say, Shell, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

DONE = [structured(COMPLETE)]
# gemini's tool waits for whoever holds its output
QUIETLY = ">/dev/null 2>&1"
LEAVES = (
    f"sleep 301.{{id}} {QUIETLY} & setsid sleep 302.{{id}} {QUIETLY} &"
    f" (setsid sh -c 'sleep 303.{{id}} {QUIETLY} &' {QUIETLY}) &"
    f" (env -i setsid sh -c 'trap \"\" TERM INT; sleep 304.{{id}} {QUIETLY} &' {QUIETLY}) &"
    " until [ $(pgrep -fc '^sleep 30[1234].{id}') = 4 ]; do sleep 0.1; done; echo on"
)


def test_what_an_agent_leaves_running_is_gone_after_its_run(stage: "Stage") -> None:
    id_ = f"{uuid.uuid4().int % 10**9:09}"
    left = [f"sleep {number}.{id_}" for number in (301, 302, 303, 304)]
    stage.plays(
        implement=[
            Turn(Shell(LEAVES.format(id=id_))),
            Turn(Write("greeting.txt", "hello\n")),
            Turn(Say("Greets now.")),
        ],
        pm=DONE,
    )
    one = stage.begins()

    assert stage.ends(one) == "complete"  # and no process of any run is alive
    assert not any(map(running, left))

    assert stage.outcomes(one) == ["succeeded"]


def test_a_run_that_died_with_its_daemon_goes_on_in_its_session(stage: "Stage") -> None:
    stage.plays(
        implement=[Turn(Say("I begin with a note."), Shell("echo begun > note.txt")), Hang()],
        pm=DONE,
    )
    one = stage.begins()
    stage.daemon.until(lambda: len(stage.asked("implement")) == 2, "the tool's result told")
    stage.daemon.kill9()
    (killed,) = stage.runs(one)
    if killed.containment == "subreaper":
        assert stage.daemon.survivors(killed.id), "the CLI outlives its daemon"
    else:
        stage.daemon.until(lambda: not stage.daemon.survivors(killed.id), "gone with its daemon")
    asked = len(stage.asked("implement"))
    stage.plays(
        implement=[Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))], pm=DONE
    )

    stage.daemon.start()
    assert stage.daemon.survivors(killed.id) == [], "ended before anything is leased"
    assert stage.ends(one) == "complete"

    first, second = stage.runs(one)
    assert (first.outcome, second.outcome) == ("lost", "succeeded")
    assert second.resumed == first.session_id is not None
    resumed = stage.asked("implement")[asked]
    assert "I begin with a note." in resumed.texts, "the model is shown what it had said"
    assert stage.shown(one, "note.txt") == "begun"
    assert stage.shown(one, "greeting.txt") == "hello"
    assert stage.daemon.jobs(one)[0].attempts == 1


def test_a_session_that_is_full_is_not_gone_on_with(stage: "Stage") -> None:
    stage.plays(
        implement=[
            Turn(Say("I begin with a note."), Shell("echo begun > note.txt")),
            stage.cli.full(),
        ],
        pm=DONE,
    )
    one = stage.begins()
    stage.daemon.until(lambda: stage.outcomes(one)[:1] == ["poisoned"], "poisoned")
    asked = len(stage.asked("implement"))
    stage.plays(
        implement=[Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))], pm=DONE
    )

    assert stage.ends(one) == "complete"

    first, second = stage.runs(one)[0], stage.runs(one)[-1]
    assert second.resumed is None
    assert second.session_id != first.session_id
    assert "I begin with a note." not in stage.asked("implement")[asked].texts
    assert stage.shown(one, "note.txt") == "begun", "what was done stays, though not remembered"
