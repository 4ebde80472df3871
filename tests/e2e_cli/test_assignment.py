"""A whole assignment, and the run that lies."""

from typing import TYPE_CHECKING

from tests.e2e_cli.clis import KEY
from tests.e2e_cli.pm import COMPLETE, PASS, decision, insert, structured
from tests.fakes.model_server.turns import Say, Shell, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

CHECKS = {"greet": "grep -qx hello greeting.txt && test -f notes/made.txt"}


def test_an_assignment_goes_from_create_to_complete(stage: "Stage") -> None:
    stage.plays(
        plan=[Turn(Say("Write hello into greeting.txt, and a note beside it."))],
        implement=[
            Turn(Say("I begin."), Write("greeting.txt", "hello\n")),
            Turn(Shell("mkdir -p notes && echo made > notes/made.txt")),
            Turn(Say("Both files are written.")),
        ],
        review=[Turn(Shell("cat greeting.txt")), structured(PASS)],
        pm=[
            structured(insert("implement", "Follow the plan.")),
            structured(insert("review", "Look at greeting.txt.")),
            structured(COMPLETE),
        ],
    )
    one = stage.begins("plan", checks=CHECKS, gates={"review": True, "uat": False})

    assert stage.ends(one) == "complete"

    jobs = [(job.type, str(job.state)) for job in stage.daemon.jobs(one)]
    assert jobs == [
        ("plan", "done"),
        ("pm", "done"),
        ("implement", "done"),
        ("pm", "done"),
        ("review", "done"),
        ("pm", "done"),
    ]
    # what the model's tool calls did lies on the branch, and nothing else
    assert stage.shown(one, "greeting.txt") == "hello"
    assert stage.shown(one, "notes/made.txt") == "made"
    changed = stage.daemon.git("diff", "--name-only", "main", f"wfd/A{one}").split()
    assert changed == ["greeting.txt", "notes/made.txt"]
    # what the daemon saw of it
    seen = {(str(e.kind), e.name): e for e in stage.daemon.evidence(one)}
    assert not seen["baseline", "greet"].ok
    assert seen["check", "greet"].ok
    assert "2 files changed" in seen["diff", "diff"].tail
    assert seen["verdict", "review"].ok
    # what is known of each run
    (run,) = stage.runs(one)
    assert run.harness == stage.cli.name
    assert run.model == stage.cli.model
    assert run.cli_version == stage.cli.version
    assert run.answer == "Both files are written."
    assert run.tools == 2
    assert run.tokens_in is not None and run.tokens_in >= 3 * 1200
    assert run.tokens_out is not None and run.tokens_out >= 3 * 42
    assert len({run.session_id for run in stage.daemon.runs(one)}) == 6
    assert None not in {run.session_id for run in stage.daemon.runs(one)}
    assert (run.cost_usd is not None) is stage.cli.reports_cost
    assert run.cost_usd is None or run.cost_usd > 0
    # what the models were told, and by whom
    assert "Write hello into greeting.txt" in stage.asked("implement")[0].prompt
    assert "greeting.txt says hello" in stage.asked("pm")[0].prompt
    assert {seen.key for seen in stage.server.requests if seen.is_main} == {KEY}


def test_a_run_that_lies_is_sent_back_with_the_evidence(stage: "Stage") -> None:
    stage.plays(
        implement=[
            Turn(Write("greeting.txt", "helo\n")),
            Turn(Say("All done, the check is green.")),
            Turn(
                Shell("mkdir -p notes && echo made > notes/made.txt && echo hello > greeting.txt")
            ),
            Turn(Say("Now it is right.")),
        ],
        pm=[
            structured(COMPLETE),  # it believes the run; policy does not
            structured(decision("retry", changes="The check 'greet' is red: write hello.")),
            structured(COMPLETE),
        ],
    )
    one = stage.begins(checks=CHECKS)

    assert stage.ends(one) == "complete"

    lied, honest = stage.runs(one)
    checks = {e.run_id: e.ok for e in stage.daemon.evidence(one) if e.kind == "check"}
    assert (checks[lied.id], checks[honest.id]) == (False, True)
    kinds = [str(decision.kind) for decision in stage.daemon.decisions(one)]
    assert kinds == ["refuse", "retry", "complete"]
    assert "The check 'greet' is red" in stage.asked("implement")[2].prompt
    # two requests each, also where a CLI counts those of the whole session
    assert honest.resumed is not None
    assert (lied.tokens_in, honest.tokens_in) == (2400, 2400)
    assert stage.shown(one, "greeting.txt") == "hello"
    assert [job.type for job in stage.daemon.jobs(one)].count("pm") == 3
