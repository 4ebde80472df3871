"""A repository, a daemon, one of the real CLIs, and the models behind it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from tests.daemon_process import Daemon
from tests.e2e_cli.clis import CLIS, Cli
from tests.fakes.model_server.server import ModelServer, Seen
from tests.fakes.model_server.turns import Cut, Fail, Hang, Turn

from wfd.adapters.assets import policy_file
from wfd.domain.run import Run

Step = Turn | Fail | Cut | Hang


class Stage:
    """All that a scenario needs, and what it asks of it."""

    def __init__(self, cli: Cli, daemon: Daemon, server: ModelServer) -> None:
        self.cli = cli
        self.daemon = daemon
        self.server = server

    def plays(self, **script: Sequence[Step]) -> None:
        """What the models answer, by the type of the job that asks; the last is repeated."""
        self.server.plays(script)

    def tunes(self, **own: object) -> None:
        """The daemon's settings of this CLI."""
        name = self.cli.name
        settings = {"model": self.cli.model, **own}
        self.daemon.tunes(harnessDefaults={"default": name}, harnesses={name: settings})

    def hurries(self, outcome: str, base_ms: int) -> None:
        """The policy as it stands, with the waits after this outcome cut short."""
        own = self.daemon.tmp / "config" / "policies" / "default.yaml"
        policy = yaml.safe_load((own if own.exists() else policy_file()).read_text())
        policy["outcomes"][outcome]["backoff"] |= {"base_ms": base_ms, "factor": 1}
        own.parent.mkdir(exist_ok=True)
        own.write_text(yaml.safe_dump(policy))

    def begins(self, job_type: str = "implement", **keys: object) -> int:
        """Start the daemon with this .wfd/config.json, and give it an assignment."""
        gates = {"review": False, "uat": False}
        self.daemon.registers(**{"gates": gates, **keys})
        self.daemon.start()
        return self.daemon.create(
            north_star="greeting.txt says hello", type=job_type, context="Make it say hello."
        )

    def ends(self, of: int) -> str:
        """How an assignment ends, with nothing left that runs."""
        state = str(self.daemon.settled(of).state)
        self.daemon.assert_sound()
        return state

    def outcomes(self, of: int, job_type: str = "implement") -> list[str]:
        """How the runs of all jobs of this type ended, in their order."""
        return [str(run.outcome or run.state) for run in self.runs(of, job_type)]

    def runs(self, of: int, job_type: str = "implement") -> list[Run]:
        ids = {job.id for job in self.daemon.jobs(of) if job.type == job_type}
        return [run for run in self.daemon.runs(of) if run.job_id in ids]

    def asked(self, role: str) -> list[Seen]:
        """The requests to the models on behalf of this type of job."""
        return [seen for seen in self.server.requests if seen.is_main and seen.role == role]

    def shown(self, of: int, path: str) -> str:
        """A file on the branch of the assignment."""
        return self.daemon.git("show", f"wfd/A{of}:{path}")


@pytest.fixture(params=CLIS, ids=lambda cli: cli.name)
def cli(request: pytest.FixtureRequest) -> Cli:
    chosen = request.param
    assert isinstance(chosen, Cli)
    return chosen


@pytest.fixture
def stage(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    _leave_nothing_of_the_person(monkeypatch)
    daemon = Daemon(tmp_path, monkeypatch)
    with ModelServer({}) as server:
        daemon.sets(**cli.set_up(tmp_path / "home", server.url))
        daemon.sets(PATH=f"{os.environ['WFD_E2E_CLIS']}:{os.environ['PATH']}")
        made = Stage(cli, daemon, server)
        made.tunes()
        made.hurries("transient", 100)
        try:
            yield made
        finally:
            daemon.end()


def _leave_nothing_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, login or proxy of whoever runs the tests may reach a CLI."""
    for name in os.environ:
        if name.startswith(_PERSONAL):
            monkeypatch.delenv(name)


_PERSONAL = (
    *("ANTHROPIC_", "CLAUDE", "OPENAI_", "CODEX_", "GEMINI_", "GOOGLE_", "AWS_", "XDG_"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
