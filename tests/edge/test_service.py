"""wfd install-service: units that hold, and words about what was done and what was not."""

import os
import plistlib
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.shelf import Call

from wfd.cli import service_unit


@pytest.fixture
def home(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, in a folder with a space and what else systemd would read in a path."""
    made = tmp_path / 'my "own" 100% $HOME'
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made / "config"))
    monkeypatch.setenv("WFD_CONFIG_DIR", str(made / "wfd"))
    monkeypatch.setenv("WFD_STATE_DIR", str(made / "state"))
    return made


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that notes how it is called."""
    calls = tmp_path / "calls"
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "systemctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{calls}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return calls


def unit_of(home: Path) -> Path:
    return home / "config" / "systemd" / "user" / "wfd.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not there")
@pytest.mark.parametrize(("scope", "options"), [("--user", []), ("--system", ["--system"])])
def test_systemd_finds_nothing_wrong_with_the_unit(
    home: Path,
    wfd: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
    options: list[str],
) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    file = tmp_path / "wfd.service"
    file.write_text(wfd("install-service", "--print", *options).out)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    done = subprocess.run(
        ["systemd-analyze", scope, "verify", str(file)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_names_this_python_and_these_folders_quoted(home: Path, wfd: Call) -> None:
    lines = wfd("install-service", "--print").out.splitlines()

    assert f'ExecStart=:"{sys.executable}" -P -m wfd.cli start' in lines
    quoted = str(home).replace('"', '\\"').replace("%", "%%")
    assert f'Environment="WFD_STATE_DIR={quoted}/state"' in lines
    assert f'Environment="WFD_CONFIG_DIR={quoted}/wfd"' in lines
    assert f"EnvironmentFile=-{str(home).replace('%', '%%')}/wfd/environment" in lines
    assert any(line.startswith('Environment="PATH=/') for line in lines)


def test_the_unit_lets_a_drain_end_and_leaves_the_agents_to_the_daemon(
    home: Path, wfd: Call
) -> None:
    (home / "wfd").mkdir()
    (home / "wfd" / "config.json").write_text('{"drainMs": 600000, "graceMs": 20000}')

    lines = wfd("install-service", "--print").out.splitlines()

    assert {"Type=notify", "KillMode=mixed", "OOMPolicy=continue", "WatchdogSec=120"} <= {*lines}
    assert {"Restart=on-failure", "RestartPreventExitStatus=2 5 74"} <= {*lines}
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    [stop] = [line for line in lines if line.startswith("TimeoutStopSec=")]
    assert int(stop.partition("=")[2]) > 620
    assert "User=" not in "".join(lines)


def test_print_writes_nothing(home: Path, wfd: Call) -> None:
    assert wfd("install-service", "--print").code == 0
    assert not unit_of(home).exists()
    assert not (home / "wfd" / "environment").exists()


def test_install_writes_the_unit_and_a_file_for_keys_and_says_what_to_type(
    home: Path, wfd: Call, systemctl: Path
) -> None:
    said = wfd("install-service")

    assert said.code == 0
    assert unit_of(home).read_text() == wfd("install-service", "--print").out
    keys = home / "wfd" / "environment"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert f"made {keys} (0600" in said.out
    assert "ran systemctl --user daemon-reload" in said.out
    assert "  systemctl --user enable --now wfd\n" in said.out
    assert "loginctl enable-linger" in said.out
    assert systemctl.read_text() == "--user daemon-reload\n"


def test_an_update_keeps_the_keys_and_warns_of_those_that_others_read(
    home: Path, wfd: Call, systemctl: Path
) -> None:
    wfd("install-service")
    keys = home / "wfd" / "environment"
    keys.write_text("OPS_KEY=1\n")
    keys.chmod(0o644)

    assert f"chmod 600 {keys}" in wfd("install-service").out
    assert keys.read_text() == "OPS_KEY=1\n"


def test_without_a_systemd_it_says_what_was_not_done(
    home: Path, wfd: Call, systemctl: Path
) -> None:
    script = systemctl.parent / "bin" / "systemctl"
    script.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")

    said = wfd("install-service")

    assert said.code == 0
    assert "could not run systemctl --user daemon-reload here (Failed to connect" in said.out
    assert unit_of(home).exists()
    removed = wfd("uninstall-service")
    assert "if it runs: wfd stop" in removed.out
    assert not unit_of(home).exists()


def test_uninstall_stops_it_removes_the_unit_and_keeps_the_keys(
    home: Path, wfd: Call, systemctl: Path
) -> None:
    wfd("install-service")
    wants = unit_of(home).parent / "default.target.wants"
    wants.mkdir()
    (wants / "wfd.service").symlink_to(unit_of(home))

    said = wfd("uninstall-service")

    assert said.code == 0
    assert systemctl.read_text().splitlines()[1:] == [
        "--user disable --now wfd.service",
        "--user daemon-reload",
    ]
    assert [*unit_of(home).parent.rglob("wfd.service")] == []
    assert (home / "wfd" / "environment").exists()
    assert wfd("uninstall-service").code == 3


def test_a_service_for_the_machine_is_of_the_user_who_asks_and_not_of_root_by_sudo(
    home: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(service_unit, "SYSTEM_FOLDER", home / "none")
    text = wfd("install-service", "--system", "--print").out
    assert f"\nUser={service_unit._user_name()}\n" in text
    assert "WantedBy=multi-user.target" in text
    if os.getuid() == 0:
        monkeypatch.setenv("SUDO_USER", "somebody")
        said = wfd("install-service", "--system")
        assert said.code == 4 and "sudo tee" in said.err


def test_a_run_installs_nothing(home: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFD_RUN_ID", "R1")

    assert wfd("install-service").code == 4
    assert wfd("uninstall-service").code == 4
    assert not unit_of(home).exists()


def test_a_configuration_that_is_off_is_told_before_anything_is_written(
    home: Path, wfd: Call
) -> None:
    (home / "wfd").mkdir()
    (home / "wfd" / "config.json").write_text('{"limts": {}}')

    assert wfd("install-service").code == 2
    assert not unit_of(home).exists()


def test_launchd_gets_a_list_that_starts_the_daemon_with_the_keys(home: Path, wfd: Call) -> None:
    unit = plistlib.loads(wfd("install-service", "--for", "launchd", "--print").out.encode())

    assert wfd("install-service", "--for", "launchd").code == 2, "only to be looked at, here"
    assert unit["KeepAlive"] == {"SuccessfulExit": False}
    assert unit["ThrottleInterval"] >= 10
    assert unit["ExitTimeOut"] > 40
    assert unit["EnvironmentVariables"]["WFD_STATE_DIR"] == str(home / "state")
    (home / "wfd").mkdir()
    (home / "wfd" / "environment").write_text("PROBE='a b'\n")
    shell, option, start = unit["ProgramArguments"]
    probe = start.replace(
        "-m wfd.cli start --quiet", "-c 'import os; print(os.environ[\"PROBE\"])'"
    )
    done = subprocess.run([shell, option, probe], capture_output=True, text=True, check=True)
    assert done.stdout == "a b\n"
