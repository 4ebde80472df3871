"""requirements.lock names all that wfd needs, on each Python that it supports, and nothing twice.

scripts/bootstrap installs it without resolving anything, so what is missing here is missing there.
"""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {"linux": "Linux", "darwin": "Darwin"}
Pins = dict[NormalizedName, Requirement]


def locked() -> Pins:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line.rstrip("\\ ")) for line in lines if line[:1].isalnum()]
    by_name = {canonicalize_name(pin.name): pin for pin in pins}
    assert len(by_name) == len(pins), "a package is locked twice"
    return by_name


def environment(python: str, platform: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": PLATFORMS[platform],
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "extra": "",
    }


def applies(requirement: Requirement, env: dict[str, str], extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**env, "extra": e}) for e in {"", *extras})


def faults(pins: Pins, env: dict[str, str]) -> list[str]:
    """What a Python would lack, or have in a version that somebody does not take."""
    found: list[str] = []
    seen: set[tuple[str, str]] = set()
    wanted = [
        Requirement(text)
        for text in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])
    ]
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        if (name, ",".join(sorted(one.extras))) in seen:
            continue
        seen.add((name, ",".join(sorted(one.extras))))
        pin = pins.get(name)
        if pin is None or not applies(pin, env, set()):
            found.append(f"{one} is not locked")
            continue
        version = str(pin.specifier).removeprefix("==")
        if not one.specifier.contains(version, prereleases=True):
            found.append(f"{one} is locked as {version}")
        needs = [Requirement(text) for text in metadata.requires(name) or []]
        wanted += [need for need in needs if applies(need, env, one.extras)]
    return found


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_is_complete_and_consistent(python: str, platform: str) -> None:
    assert faults(locked(), environment(python, platform)) == []


def test_what_is_installed_is_what_is_locked() -> None:
    here = environment(PYTHONS[0], "linux")
    for name, pin in locked().items():
        if applies(pin, here, set()):
            assert metadata.version(name) == str(pin.specifier).removeprefix("==")


def test_a_lock_that_lacks_a_need_of_a_need_is_found_out() -> None:
    pins = locked()
    del pins[canonicalize_name("h11")]
    assert faults(pins, environment("3.11", "linux")) == ["h11>=0.16 is not locked"]


def test_every_supported_python_is_looked_at() -> None:
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
