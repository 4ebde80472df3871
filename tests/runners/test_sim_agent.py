"""The sim agent as a real process, read by the codec that the daemon reads it with."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.measured import measured

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import LimitSeen, Noise, Retrying, Said, Signal, ToolCalled, ToolReturned
from wfd.ports import Ask
from wfd_runners.reading import conclude_file
from wfd_runners.sim.harness import Sim

NOW = 1_795_176_000_000
SCHEMA = {"type": "object"}


@dataclass
class Agent:
    """A room for sim processes: a workspace, a home, a script."""

    room: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.room / "workspace"

    @property
    def transcript(self) -> Path:
        return self.room / "stdout"

    def ask(self) -> Ask:
        return Ask(self.workspace, self.room, session_id=str(uuid.uuid4()))

    def start(
        self,
        *steps: object,
        prompt: str | bytes = "Say hello.",
        ask: Ask | None = None,
        job_type: str = "chat",
        **env: str,
    ) -> subprocess.Popen[bytes]:
        """Start it with one job's steps, or with none: then it does what it does by itself."""
        launch = Sim().launch(ask or self.ask())
        stdin = self.room / "prompt"
        stdin.write_bytes(prompt if isinstance(prompt, bytes) else prompt.encode())
        if steps:
            script = self.room / "script.json"
            script.write_text(json.dumps({"*": [list(steps)]}))
            env = {"WFD_SIM_SCRIPT": str(script), **env}
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.room), "WFD_JOB_TYPE": job_type}
        with (
            stdin.open("rb") as prompt_file,
            self.transcript.open("wb") as stdout,
            (self.room / "stderr").open("wb") as stderr,
        ):
            process = subprocess.Popen(
                launch.argv,
                cwd=self.workspace,
                env={**measured(), **clean, **launch.env, **env},
                stdin=prompt_file,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def conclude(
        self, exit_code: int, ended_by: EndedBy = EndedBy.NONE
    ) -> tuple[list[Signal], Conclusion]:
        return conclude_file(Sim(), self.transcript, exit_code, self.stderr, NOW, ended_by)

    @property
    def stderr(self) -> str:
        return (self.room / "stderr").read_text()

    def run(self, *steps: object, **how: object) -> tuple[list[Signal], Conclusion]:
        return self.conclude(self.exit_code(*steps, **how))

    def exit_code(self, *steps: object, **how: object) -> int:
        return self.start(*steps, **how).wait(30)  # type: ignore[arg-type]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path)
    agent.workspace.mkdir()
    yield agent
    for process in agent.running:
        process.kill()
        process.wait()


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


# --- each step ----------------------------------------------------------------


def test_what_it_says_and_thinks_is_in_the_stream(agent: Agent) -> None:
    signals, conclusion = agent.run({"think": "hm"}, {"say": "Aha."}, {"result": "Hello."})
    names = [type(signal).__name__ for signal in signals]
    assert names == ["SessionStarted", "Thought", "Said", "Said", "Finished"]
    assert conclusion.outcome.kind is Kind.SUCCEEDED
    assert conclusion.text == "Hello."


def test_edits_are_really_made(agent: Agent) -> None:
    (agent.workspace / "old.txt").write_text("one two\n")
    (agent.workspace / "gone.txt").write_text("x")
    signals, conclusion = agent.run(
        {"edit": {"path": "sub/new.txt", "content": "new\n"}},
        {"edit": {"path": "old.txt", "append": "three\n"}},
        {"edit": {"path": "old.txt", "replace": ["two", "2"]}},
        {"edit": {"path": "gone.txt", "delete": True}},
    )
    assert (agent.workspace / "sub/new.txt").read_text() == "new\n"
    assert (agent.workspace / "old.txt").read_text() == "one 2\nthree\n"
    assert not (agent.workspace / "gone.txt").exists()
    assert [s.name for s in signals if isinstance(s, ToolCalled)] == [
        "Write",
        "Edit",
        "Edit",
        "Bash",
    ]
    assert conclusion.tools == 4


def test_an_edit_that_cannot_be_made_is_told_and_the_run_goes_on(agent: Agent) -> None:
    signals, conclusion = agent.run(
        {"edit": {"path": "nowhere.txt", "replace": ["a", "b"]}}, {"result": "Tried."}
    )
    assert [s.is_error for s in signals if isinstance(s, ToolReturned)] == [True]
    assert conclusion.text == "Tried."


def test_a_shell_command_really_runs_in_a_session_of_its_own(agent: Agent) -> None:
    shell = "echo $PYTHONPATH hi; ps -o sid= -p $$; exit 3"
    signals, _ = agent.run({"shell": shell})
    (returned,) = [s for s in signals if isinstance(s, ToolReturned)]
    code, words, session = returned.text.split("\n")
    assert (code, words) == ("Exit code 3", "hi")
    assert int(session) != agent.running[0].pid
    assert returned.is_error


def test_a_structured_answer_reaches_the_conclusion(agent: Agent) -> None:
    conclusion = agent.run({"structured": {"verdict": "pass"}})[1]
    assert conclusion.structured == {"verdict": "pass"}


def test_cost_and_tokens_are_what_the_script_says_or_small_ones(agent: Agent) -> None:
    conclusion = agent.run({"cost": 1.5}, {"tokens": [1000, 20]})[1]
    usage = conclusion.usage
    assert (conclusion.cost_usd, usage.tokens_in, usage.tokens_out) == (1.5, 1000, 20)
    assert agent.run({"result": "x"})[1].cost_usd == 0.01


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, Kind.AUTH),
        (400, Kind.POISONED),
        (401, Kind.AUTH),
        (404, Kind.USAGE),
        (429, Kind.RATE_LIMITED),
        (500, Kind.TRANSIENT),
        (529, Kind.TRANSIENT),
    ],
)
def test_an_api_error_ends_the_run_as_claude_does(
    agent: Agent, status: int | None, kind: Kind
) -> None:
    exit_code = agent.exit_code({"error": {"status": status}}, {"result": "never said"})
    assert exit_code == 1
    assert agent.conclude(exit_code)[1].outcome.kind is kind


def test_a_limit_carries_its_reset(agent: Agent) -> None:
    reset = NOW // 1000 + 4000
    signals, conclusion = agent.run({"error": {"status": 429, "reset_at": reset}})
    assert LimitSeen(True, reset * 1000, "five_hour limit: rejected") in signals
    assert conclusion.outcome.reset_at == reset * 1000


def test_a_retry_of_the_cli_is_a_signal(agent: Agent) -> None:
    signals, _ = agent.run({"api_retry": {"attempt": 2, "delay_ms": 7, "status": 503}})
    assert Retrying(2, 7, "503 overloaded") in signals


def test_a_retry_that_is_told_on_stderr_alone_is_no_event(agent: Agent) -> None:
    said = "Attempt 2 failed, waiting 7 ms: overloaded"
    signals, _ = agent.run({"stderr": f"Warning\n{said}"})
    assert not [one for one in signals if isinstance(one, Retrying)]
    warning, retry = agent.stderr.splitlines()
    assert Sim().read_stderr(warning) is None
    assert Sim().read_stderr(retry) == Retrying(2, 7, "overloaded")
    assert Sim().read_stderr("Attempt 3 failed: no") == Retrying(3, None, "no")


def test_garbage_is_one_line_of_just_these_bytes(agent: Agent) -> None:
    signals, conclusion = agent.run({"garbage": 'half {"type":"res\u00ff'})
    assert b'\nhalf {"type":"res\xff\n' in agent.transcript.read_bytes()
    assert sum(isinstance(signal, Noise) for signal in signals) == 1
    assert conclusion.outcome.kind is Kind.SUCCEEDED


def test_a_huge_line_has_just_so_many_bytes(agent: Agent) -> None:
    signals, _ = agent.run({"huge": 3_000_000})
    assert 3_000_000 in map(len, agent.transcript.read_bytes().split(b"\n"))
    assert any(isinstance(s, Said) and len(s.text) > 2_900_000 for s in signals)


def test_a_run_without_a_result_is_a_breach_of_protocol(agent: Agent) -> None:
    exit_code = agent.exit_code({"no_result": True})
    assert exit_code == 0
    assert agent.conclude(exit_code)[1].outcome.kind is Kind.PROTOCOL


@pytest.mark.parametrize(("how", "exit_code"), [(7, 7), ("KILL", -9), ("SIGSEGV", -11)])
def test_a_crash_is_an_exit_code_or_a_signal(agent: Agent, how: int | str, exit_code: int) -> None:
    assert agent.exit_code({"crash": how}) == exit_code


def test_a_crash_after_the_result_leaves_the_result(agent: Agent) -> None:
    conclusion = agent.run({"result": "Fine."}, {"crash": 1})[1]
    assert conclusion.outcome.kind is Kind.SUCCEEDED
    assert "exit code 1" in conclusion.outcome.message


def test_it_waits_for_a_file_and_leaves_one(agent: Agent) -> None:
    here, go = agent.room / "here", agent.room / "go"
    process = agent.start({"touch": str(here)}, {"wait_for": str(go)}, {"sleep": 0.01})
    _until(here.exists)
    assert process.poll() is None
    go.touch()
    assert process.wait(30) == 0


def test_silence_and_a_hang_after_the_result_last_until_a_signal(agent: Agent) -> None:
    silent = agent.start({"say": "One."}, {"silence": True})
    _until(lambda: b"One." in agent.transcript.read_bytes())
    assert silent.poll() is None
    silent.kill()
    silent.wait()
    hanging = agent.start({"result": "Fine."}, {"hang_after_result": True})
    _until(lambda: b'"type":"result"' in agent.transcript.read_bytes())
    assert hanging.poll() is None
    hanging.kill()
    conclusion = agent.conclude(hanging.wait(), EndedBy.STALL)[1]
    assert conclusion.outcome.kind is Kind.SUCCEEDED


@pytest.mark.parametrize("kind", ["child", "setsid", "double_fork", "ignore_term"])
def test_what_it_spawns_outlives_it_and_carries_its_environment(agent: Agent, kind: str) -> None:
    signals, _ = agent.run({"spawn": {"kind": kind, "seconds": 60}}, WFD_RUN_ID="R101")
    (pid,) = [int(s.text) for s in signals if isinstance(s, ToolReturned)]
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"WFD_RUN_ID=R101" in environ.split(b"\0")
        is_own_session = os.getsid(pid) != agent.running[0].pid
        assert is_own_session == (kind in ("setsid", "double_fork"))
        if kind == "ignore_term":
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_it_hides_has_no_environment_no_parent_and_no_ear_for_term(agent: Agent) -> None:
    signals, _ = agent.run({"spawn": {"kind": "hidden", "seconds": 60}}, WFD_RUN_ID="R101")
    (pid,) = [int(s.text) for s in signals if isinstance(s, ToolReturned)]
    try:
        _until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0060\0")
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        assert os.getsid(pid) not in (agent.running[0].pid, os.getsid(0))
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


# --- signals ------------------------------------------------------------------


def _in_the_act(agent: Agent, *steps: object) -> subprocess.Popen[bytes]:
    here = agent.room / "here"
    process = agent.start({"touch": str(here)}, *steps)
    _until(here.exists)
    return process


def test_sigint_prints_a_result_and_ends_the_tool(agent: Agent) -> None:
    started = agent.room / "started"
    process = _in_the_act(
        agent, {"shell": f"echo $$ > {started}.tmp; mv {started}.tmp {started}; sleep 60"}
    )
    _until(started.exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    tool = int(started.read_text())
    _until(lambda: not Path(f"/proc/{tool}").exists())
    assert agent.conclude(0, EndedBy.STOP)[1].outcome.kind is Kind.INTERRUPTED
    assert agent.conclude(0, EndedBy.NONE)[1].outcome.kind is Kind.PROTOCOL


def test_sigterm_ends_it_without_a_word(agent: Agent) -> None:
    process = _in_the_act(agent, {"silence": True})
    process.terminate()
    assert process.wait(30) == 143
    assert b'"type":"result"' not in agent.transcript.read_bytes()


def test_an_agent_that_ignores_signals_ends_by_kill_alone(agent: Agent) -> None:
    deaf = agent.room / "deaf"
    process = agent.start({"ignore_signals": True}, {"touch": str(deaf)}, {"silence": True})
    _until(deaf.exists)
    process.send_signal(signal.SIGINT)
    process.terminate()
    process.kill()
    assert process.wait(30) == -9


# --- sessions -----------------------------------------------------------------


def test_a_resumed_session_keeps_its_id_and_knows_what_came_before(agent: Agent) -> None:
    ask = agent.ask()
    first = agent.run(ask=ask)[1]
    second = agent.run(ask=replace(ask, resume=first.session_id))[1]
    assert second.session_id == first.session_id == ask.session_id
    assert second.text.endswith("(resumed after 1 messages)")


def test_an_unknown_session_fails_as_with_claude(agent: Agent) -> None:
    ask = replace(agent.ask(), resume=str(uuid.uuid4()))
    exit_code = agent.exit_code(ask=ask)
    conclusion = agent.conclude(exit_code)[1]
    assert exit_code == 1
    assert "No conversation found" in agent.stderr
    assert conclusion.outcome.kind is Kind.POISONED
    assert conclusion.session_id is None


# --- the script ---------------------------------------------------------------


def test_a_script_is_by_job_type_by_job_and_by_run(agent: Agent) -> None:
    script = agent.room / "s.json"
    steps = [{"result": "first", "run": 1}, {"result": "later", "run": "2+"}]
    script.write_text(json.dumps({"plan": [steps, [{"result": "last"}]], "*": [[{"result": "*"}]]}))

    def says(job_type: str, type_seq: str, run_seq: str) -> str:
        env = {"WFD_SIM_SCRIPT": str(script), "WFD_TYPE_SEQ": type_seq, "WFD_RUN_SEQ": run_seq}
        return agent.run(job_type=job_type, **env)[1].text

    assert says("plan", "1", "1") == "first"
    assert says("plan", "1", "3") == "later"
    assert says("plan", "2", "1") == says("plan", "9", "1") == "last"
    assert says("uat", "1", "1") == "*"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be an object of job types"),
        ('{"plan": []}', "plan: must be a list of lists"),
        ('{"plan": [{"say": "x"}]}', "plan[0]: must be a list of steps"),
        ('{"plan": [[{"sya": "x"}]]}', "plan[0][0]: no step 'sya' (did you mean 'say'?)"),
        ('{"plan": [[{"say": 1}]]}', "plan[0][0].say: must be text"),
        ('{"plan": [[{"say": "x", "think": "y"}]]}', "plan[0][0]: must have one step"),
        ('{"plan": [[{"say": "x", "run": 0}]]}', "plan[0][0].run: must be a number"),
        ('{"plan": [[{"edit": {"content": "x"}}]]}', "plan[0][0].edit: lacks 'path'"),
        ('{"plan": [[{"edit": {"path": "x"}}]]}', "plan[0][0].edit: must have one of content"),
        ('{"plan": [[{"spawn": {"kind": "x"}}]]}', "plan[0][0].spawn.kind: must be one of"),
        ('{"plan": [[{"error": {"statsu": 1}}]]}', "plan[0][0].error: no key 'statsu'"),
        ('{"plan": [[{"crash": "BOOM"}]]}', "plan[0][0].crash: must be a signal's name"),
    ],
)
def test_a_script_that_is_off_is_refused_with_the_place_of_its_fault(
    agent: Agent, script: str, complaint: str
) -> None:
    path = agent.room / "s.json"
    path.write_text(script)
    assert agent.exit_code(WFD_SIM_SCRIPT=str(path)) == 1
    assert f"{path}: {complaint}" in agent.stderr
    assert agent.transcript.read_bytes() == b""


# --- by itself ----------------------------------------------------------------

PROMPT = """Implement the task.

```data goal
Be polite.
```

```data task
Add a greeting.
```
"""


def test_by_itself_it_implements_by_leaving_a_note(agent: Agent) -> None:
    agent.run(job_type="implement", prompt=PROMPT)
    assert (agent.workspace / "wfd-sim.md").read_text() == "- Add a greeting.\n"


@pytest.mark.parametrize("job_type", ["plan", "document", "chat"])
def test_by_itself_it_answers_in_words(agent: Agent, job_type: str) -> None:
    assert "Add a greeting." in agent.run(job_type=job_type, prompt=PROMPT)[1].text


@pytest.mark.parametrize("job_type", ["review", "uat"])
def test_by_itself_it_passes_what_it_reviews(agent: Agent, job_type: str) -> None:
    ask = replace(agent.ask(), schema=SCHEMA)
    structured = agent.run(job_type=job_type, prompt=PROMPT, ask=ask)[1].structured
    assert isinstance(structured, dict)
    assert (structured["verdict"], structured["findings"]) == ("pass", [])


def test_without_a_schema_its_answer_is_a_fenced_block(agent: Agent) -> None:
    conclusion = agent.run(job_type="review", prompt=PROMPT)[1]
    assert conclusion.structured is None
    assert conclusion.text.startswith("```json\n{")


def test_a_pm_decides_by_the_facts_in_its_prompt(agent: Agent) -> None:
    facts: dict[str, object] = {"last_job": None, "gates_open": [], "attempts_left": 3}
    prompt = f"You decide.\n\n```json wfd-facts\n{json.dumps(facts, indent=1)}\n```\nNow.\n"
    ask = replace(agent.ask(), schema=SCHEMA, is_pm=True)
    decision = agent.run(job_type="pm", prompt=prompt, ask=ask)[1].structured
    assert isinstance(decision, dict)
    assert decision["decision"] == "insert_job"
    assert decision["job"]["type"] == "implement"


# --- the command line ---------------------------------------------------------


def test_a_pm_cannot_use_the_tools_it_was_denied(agent: Agent) -> None:
    ask = replace(agent.ask(), is_pm=True)
    signals, _ = agent.run({"edit": {"path": "a.txt", "content": "x"}}, ask=ask)
    assert [s.is_error for s in signals if isinstance(s, ToolReturned)] == [True]
    assert not (agent.workspace / "a.txt").exists()


def test_turns_and_budget_are_kept_to(agent: Agent) -> None:
    steps = [{"shell": "true"}] * 3
    turns = agent.run(*steps, ask=replace(agent.ask(), max_turns=2))[1]
    budget = agent.run(*steps, ask=replace(agent.ask(), budget_usd=0.015))[1]
    assert (turns.outcome.kind, turns.tools) == (Kind.FAILED, 2)
    assert (budget.outcome.kind, budget.tools) == (Kind.INTERRUPTED, 2)
    assert "maximum number of turns (2)" in turns.outcome.message


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [("", Kind.USAGE), ("x" * 10_000_001, Kind.USAGE), ("/compact now", Kind.FAILED)],
)
def test_a_prompt_that_claude_refuses_is_refused(agent: Agent, prompt: str, kind: Kind) -> None:
    assert agent.run(prompt=prompt)[1].outcome.kind is kind


def test_a_workspace_cannot_put_its_own_modules_under_the_agent(agent: Agent) -> None:
    (agent.workspace / "json.py").write_text("raise SystemExit('hijacked')")
    assert agent.run()[1].outcome.kind is Kind.SUCCEEDED


def test_it_tells_its_version() -> None:
    argv = Sim().launch(Ask(Path(), Path(), session_id=""))
    version = subprocess.run(
        [*argv.argv[:4], "--version"], env=dict(argv.env), capture_output=True, check=True
    )
    assert version.stdout == b"sim 0.1.0\n"


def test_it_starts_without_the_modules_that_are_slow_to_import() -> None:
    slow = {"pydantic_core", "typing", "dataclasses", "argparse", "subprocess", "asyncio", "uuid"}
    env = dict(Sim().launch(Ask(Path(), Path(), session_id="")).env)
    code = "import sys, wfd_runners.sim.agent; print(*sys.modules)"
    # -S: what a site's own .pth files import is not the agent's doing
    loaded = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        env=env,
        capture_output=True,
        check=True,
        text=True,
    )
    assert not slow & set(loaded.stdout.split())
