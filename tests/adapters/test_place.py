"""The state folder and the runtime folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfd.adapters.place import Place, place
from wfd.domain.errors import Broken


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder with a short path, as a socket needs it."""
    with tempfile.TemporaryDirectory(prefix="wfd") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.delenv("WFD_STATE_DIR", raising=False)
        yield Path(folder)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_both_folders_are_made_and_private(tmp_path: Path, runtime: Path) -> None:
    here = place(tmp_path / "deep" / "state")
    assert (mode(here.state_dir), mode(here.runtime_dir)) == (0o700, 0o700)
    assert here.runtime_dir == runtime / "wfd"
    assert here.run_folder(101).path == here.state_dir / "runs" / "R101"
    assert mode(here.make_run_folder(101).path) == mode(here.make_run_folder(101).path) == 0o700


def test_a_lax_folder_of_ours_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    assert mode(place(tmp_path / "state").state_dir) == 0o700


def test_the_environment_names_the_folder_and_an_argument_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFD_STATE_DIR", str(tmp_path / "env"))
    assert place().state_dir == tmp_path / "env"
    assert place(tmp_path / "arg").state_dir == tmp_path / "arg"


def test_without_a_name_it_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place().state_dir.is_relative_to(tmp_path)
    assert place().state_dir.name == "wfd"


def test_one_folder_by_two_names_is_one_place(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to("state")
    assert place(tmp_path / "link") == place(tmp_path / "x" / ".." / "state")


def test_two_state_folders_have_two_sockets(tmp_path: Path) -> None:
    assert place(tmp_path / "a").socket_path != place(tmp_path / "b").socket_path


def test_callers_with_another_environment_find_the_same_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place(tmp_path / "state")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert place(tmp_path / "state") == first


def test_a_runtime_folder_that_is_gone_is_chosen_anew(tmp_path: Path, runtime: Path) -> None:
    first = place(tmp_path / "state")
    first.runtime_dir.rmdir()
    assert place(tmp_path / "state") == first
    assert first.runtime_dir.is_dir()


def test_the_socket_path_is_short_however_deep_the_folders_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    here = place(deep / "state")
    assert len(os.fsencode(here.socket_path)) < 100
    assert here.runtime_dir == Path(f"/tmp/wfd-{os.getuid()}")


def test_a_link_in_place_of_the_runtime_folder_is_refused(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (runtime / "wfd").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Broken, match="link"):
        place(tmp_path / "state")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 12345, -1)
    with pytest.raises(Broken, match="another user"):
        place(tmp_path / "state")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(Broken, match=r"cannot use the folder .*/state"):
        place(tmp_path / "state")


def test_every_path_of_a_place_lies_in_its_state_folder(tmp_path: Path) -> None:
    here = Place(tmp_path, Path("/run"))
    paths = [here.lock_path, here.store_path, here.log_path, here.run_folder(1).transcript]
    paths += [here.run_folder(1).stderr, here.run_folder(1).prompt]
    assert len({*paths}) == len(paths)
    assert all(path.is_relative_to(tmp_path) for path in paths)


def test_wfctls_part_imports_nothing_heavy() -> None:
    code = (
        "import sys, wfd.adapters.place, wfd.adapters.lock, wfd.adapters.client\n"
        "print(sorted({'anyio', 'asyncio', 'structlog', 'pydantic'} & sys.modules.keys()))"
    )
    env = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True)
    assert done.stdout == b"[]\n"
