"""A store of its own for each test, and the command lines called as a shell calls them."""

from pathlib import Path

import click
import pytest
from tests.edge.shelf import Call, Said, Shelf, make_repository

from wfd.edge.shell import run


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    state, checkout = tmp_path / "state", tmp_path / "blue"
    state.mkdir(mode=0o700)
    make_repository(checkout)
    monkeypatch.setenv("WFD_STATE_DIR", str(state))
    monkeypatch.setenv("WFD_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("WFD_NAMESPACE", raising=False)
    monkeypatch.delenv("WFD_RUN_ID", raising=False)
    monkeypatch.chdir(checkout)
    made = Shelf(state / "wfd.db", checkout)
    made.write(
        "register",
        name="blue",
        git_dir=str(checkout / ".git"),
        checkout=str(checkout),
        trusted_hash=None,
    )
    return made


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that nobody has made known yet, and no store."""
    folder = tmp_path / "blue"
    make_repository(folder)
    state = tmp_path / "state"
    monkeypatch.setenv("WFD_STATE_DIR", str(state))
    monkeypatch.setenv("WFD_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("WFD_NAMESPACE", raising=False)
    monkeypatch.delenv("WFD_RUN_ID", raising=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def wfctl(capfd: pytest.CaptureFixture[str]) -> Call:
    from wfd.ctl import wfctl as group

    return _caller(group, "wfctl", capfd)


@pytest.fixture
def wfd(capfd: pytest.CaptureFixture[str]) -> Call:
    from wfd.cli import wfd_command as group

    return _caller(group, "wfd", capfd)


def _caller(group: click.Group, name: str, capfd: pytest.CaptureFixture[str]) -> Call:
    def call(*args: str) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            run(group, name, args)
        said = capfd.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        return Said(code, said.out, said.err)

    return call
