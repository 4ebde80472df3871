"""What a person types to see one of the CLIs at work: wfd doctor, wfd demo, wfctl."""

import json
from typing import TYPE_CHECKING

from tests.e2e_cli.pm import COMPLETE, PASS, insert, structured
from tests.fakes.model_server.turns import Fail, Say, Shell, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

BLUE = ("--namespace", "repo")
# not by the tool that writes: claude's refuses a file that it has not read
MEND = "sed -i 's/TODO/Hello, world!/' hello.py"


def test_the_demo_is_done_by_the_agent_that_is_asked_for(stage: "Stage") -> None:
    stage.plays(
        plan=[Turn(Say("Return the greeting."))],
        implement=[Turn(Shell(MEND)), Turn(Say("It greets the world."))],
        review=[structured(PASS)],
        uat=[structured(PASS)],
        pm=[
            structured(insert("implement", "Follow the plan.")),
            structured(insert("review", "Look at it.")),
            structured(insert("uat", "Try it.")),
            structured(COMPLETE),
        ],
    )

    stage.daemon.sets(TMPDIR=str(stage.daemon.tmp))  # the demo leaves its folder to look at

    said = stage.daemon.wfd("demo", "--harness", stage.cli.name, "--plain")

    assert said.code == 0, said.out + said.err
    assert "A1 is complete" in said.out
    assert '+    return "Hello, world!"' in said.out
    assert "$" in said.out if stage.cli.reports_cost else "not reported" in said.out


def test_doctor_finds_the_agent_its_version_and_its_login(stage: "Stage") -> None:
    said = stage.daemon.wfd("doctor", "--json")

    found = {one["what"]: one for one in json.loads(said.out)["findings"]}
    agent = found[f"harness {stage.cli.name}"]
    assert agent["level"] == "ok", agent
    assert agent["detail"].startswith(f"{stage.cli.version} (")
    assert "contained by" in agent["detail"]


def test_a_cli_that_tries_again_is_seen_to_do_so(stage: "Stage") -> None:
    overloaded = Fail(503, "The model is overloaded.", "")
    stage.plays(
        implement=[overloaded, Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))],
        pm=[structured(COMPLETE)],
    )
    one = stage.begins()

    assert stage.ends(one) == "complete"

    (run,) = stage.runs(one)
    assert run.outcome == "succeeded"
    if stage.cli.name == "codex":  # it says nothing of the first times
        return
    assert run.retries == 1
    assert run.activity is None
    assert stage.daemon.logged("run.retrying")[0]["run_id"] == run.id
    assert "tried again 1 time" in stage.daemon.wfctl("job", f"J{run.job_id}", *BLUE).out
    assert "tries again" in stage.daemon.wfctl("tail", f"J{run.job_id}", "--no-follow", *BLUE).out
