"""The checks and the set-up that a checkout seems to want, each with its reason."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wfd.adapters.git import in_checkout

_LOCKED_INSTALLS = (
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
    ("package-lock.json", "npm", "npm ci"),
    ("npm-shrinkwrap.json", "npm", "npm ci"),
)
_NO_TEST = "no test specified"  # what `npm init` writes for a test


@dataclass(frozen=True)
class Proposal:
    checks: dict[str, str] = field(default_factory=dict)  # by name, a shell command each
    setup: list[str] = field(default_factory=list)
    copy: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # a sentence for each of the above


def propose(checkout: Path) -> Proposal:
    """What the files at the top of a checkout suggest; a person has the last word."""
    proposal = Proposal()
    for look in (_python, _node, _rust, _go, _make):
        look(checkout, proposal)
    _dotenv(checkout, proposal)
    return proposal


def _python(checkout: Path, proposal: Proposal) -> None:
    project = _toml(checkout / "pyproject.toml")
    tools = project.get("tool")
    wanted = dict(_python_tools(checkout, tools if isinstance(tools, dict) else {}))
    run = _python_setup(checkout, proposal, project, list(wanted))
    for name, command, why in wanted.values():
        _check(proposal, name, f"{run}{command}", why)


def _python_tools(
    checkout: Path, tools: Mapping[str, object]
) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Each program that checks this code, with its check's name, command and reason."""
    if (checkout / "tox.ini").is_file() or "tox" in tools:
        yield "tox", ("test", "tox", "tox is configured")
    elif _has_pytest(checkout, tools):
        yield "pytest", ("test", "pytest -q", "pytest is configured or there are test files")
    if "ruff" in tools or (checkout / "ruff.toml").is_file():
        yield "ruff", ("lint", "ruff check .", "ruff is configured")
    if "mypy" in tools or (checkout / "mypy.ini").is_file():
        yield "mypy", ("types", "mypy", "mypy is configured")


def _python_setup(
    checkout: Path, proposal: Proposal, project: Mapping[str, object], tools: Sequence[str]
) -> str:
    """Propose how to install the project and its tools; how the checks' commands begin."""
    if (checkout / "uv.lock").is_file():
        _set_up(proposal, "uv sync --frozen", "there is a uv.lock")
        return "uv run --frozen "
    if (checkout / "requirements.txt").is_file():
        install, why = ["-r", "requirements.txt"], "there is a requirements.txt"
    elif project.get("project") or (checkout / "setup.py").is_file():
        install, why = ["-e", "."], "there is a Python project"
    else:
        install, why = [], "the checks need it"
    if install or tools:
        packages = " ".join([*install, *tools])
        _set_up(proposal, f"python3 -m venv .venv && .venv/bin/pip install -q {packages}", why)
    return ".venv/bin/"


def _has_pytest(checkout: Path, tools: Mapping[str, object]) -> bool:
    return (
        "pytest" in tools
        or (checkout / "pytest.ini").is_file()
        or any(checkout.glob("test_*.py"))
        or any(checkout.glob("tests/**/test_*.py"))
    )


def _node(checkout: Path, proposal: Proposal) -> None:
    package = _json(checkout / "package.json")
    if package is None:
        return
    runner = "npm"
    for lock, name, install in _LOCKED_INSTALLS:
        if (checkout / lock).is_file():
            runner = name
            _set_up(proposal, install, f"there is a {lock}")
            break
    else:
        if package.get("dependencies") or package.get("devDependencies"):
            _set_up(proposal, "npm install", "package.json has dependencies and no lockfile")
    for script in _scripts(package):
        _check(proposal, script, f"{runner} run {script}", f"package.json has a {script} script")


def _scripts(package: Mapping[str, object]) -> Iterator[str]:
    scripts = package.get("scripts")
    if isinstance(scripts, dict):
        for name in ("test", "lint", "typecheck"):
            if name in scripts and _NO_TEST not in str(scripts[name]):
                yield name


def _rust(checkout: Path, proposal: Proposal) -> None:
    if (checkout / "Cargo.toml").is_file():
        _check(proposal, "test", "cargo test --quiet", "there is a Cargo.toml")


def _go(checkout: Path, proposal: Proposal) -> None:
    if (checkout / "go.mod").is_file():
        _check(proposal, "test", "go test ./...", "there is a go.mod")
        _check(proposal, "lint", "go vet ./...", "there is a go.mod")


def _make(checkout: Path, proposal: Proposal) -> None:
    makefile = next((checkout / n for n in ("GNUmakefile", "makefile", "Makefile")
                     if (checkout / n).is_file()), None)  # fmt: skip
    if makefile is None or proposal.checks:
        return
    text = makefile.read_text(encoding="utf-8", errors="replace")
    for target in ("test", "check", "lint"):
        if re.search(rf"^{target}\s*:(?!=)", text, re.MULTILINE):
            why = f"{makefile.name} has a {target} target"
            _check(proposal, target, f"make {target}", why)


def _dotenv(checkout: Path, proposal: Proposal) -> None:
    tracked = in_checkout(checkout).at_once("ls-files", "-z", "--", ".env", ".env.*")
    known = {os.fsdecode(name) for name in tracked.names}
    for file in sorted(checkout.glob(".env*")):
        is_one = file.name == ".env" or file.name.startswith(".env.")
        if is_one and file.is_file() and not file.is_symlink() and file.name not in known:
            proposal.copy.append(file.name)
            proposal.reasons.append(f"copy {file.name}: it is here and untracked")


def _check(proposal: Proposal, name: str, command: str, why: str) -> None:
    """Add a check, under its command's own name where its plain one is taken."""
    if name in proposal.checks:
        name = f"{name}-{command.split()[0].rsplit('/', 1)[-1]}"
    proposal.checks[name] = command
    proposal.reasons.append(f"check {name} ({command}): {why}")


def _set_up(proposal: Proposal, command: str, why: str) -> None:
    proposal.setup.append(command)
    proposal.reasons.append(f"set-up ({command}): {why}")


def _toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _json(file: Path) -> dict[str, object] | None:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
