"""Each program is asked for its version once, and again when it is another file."""

from pathlib import Path

from wfd.adapters.spawn import LocalSpawner
from wfd.adapters.versions import ToldVersions


def _install(file: Path, version: str) -> None:
    """As an update does it: another file in the place of the first, which counts its calls."""
    new = file.with_suffix(".new")
    new.write_text(f"#!/bin/sh\necho asked >> {file.parent}/calls\necho 'cli {version}'\n")
    new.chmod(0o755)
    new.replace(file)


def _calls(file: Path) -> int:
    return len((file.parent / "calls").read_text().splitlines())


async def test_a_program_is_asked_once_until_it_is_updated(tmp_path: Path) -> None:
    cli, versions = tmp_path / "cli", ToldVersions(LocalSpawner())
    _install(cli, "1.2.3")
    assert await versions.of(str(cli)) == "1.2.3"
    assert await versions.of(str(cli)) == "1.2.3"
    assert _calls(cli) == 1

    _install(cli, "1.3.0")

    assert await versions.of(str(cli)) == "1.3.0"
    assert _calls(cli) == 2


async def test_what_is_not_there_or_says_nothing_has_no_version(tmp_path: Path) -> None:
    versions = ToldVersions(LocalSpawner())
    assert await versions.of(str(tmp_path / "none")) is None
    assert await versions.of("false") is None
