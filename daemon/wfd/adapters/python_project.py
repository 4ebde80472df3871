"""What a Python project suggests: how to install it with its tools, and how to call those."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters import tox_file
from wfd.adapters.proposed import Proposal, below, text
from wfd.adapters.python_declared import Declared, Kind, PythonProject

_VENV = "python3 -m venv .venv"
_PIP = ".venv/bin/pip install -q"
_MAX_LOOKED_AT = 200  # files of tests


@dataclass(frozen=True)
class _Tool:
    """A program that checks this code."""

    package: str
    check: str
    command: str
    why: str
    needs: Declared | None  # where the project names it

    @property
    def is_named(self) -> bool:
        return self.needs is not None


def propose(checkout: Path, proposal: Proposal) -> None:
    project = PythonProject(checkout)
    tools = list(_tools(project))
    wanted = [tool for tool in tools if tool.is_named or tool.check == "test"]
    for tool in tools:
        if tool not in wanted:
            why = f"{tool.why}, but no dependency of the project names {tool.package}"
            proposal.leave_out(f"check {tool.check}", f"{why}, so its version is unknown")
    if not wanted and _has_unittests(project):
        _unittest(project, proposal)
        return
    run = _set_up(project, proposal, wanted)
    if run is not None:
        for tool in wanted:
            proposal.check(tool.check, f"{run}{tool.command}", tool.why)


def _tools(project: PythonProject) -> Iterator[_Tool]:
    yield from _testers(project)
    ruff = project.that_names("ruff")
    if project.is_configured("ruff", "ruff.toml", ".ruff.toml"):
        yield _Tool("ruff", "lint", "ruff check --no-fix .", "ruff is configured", ruff)
    elif project.is_configured("flake8", ".flake8"):
        flake8 = project.that_names("flake8")
        yield _Tool("flake8", "lint", "flake8 .", "flake8 is configured", flake8)
    if project.is_configured("black"):
        black = project.that_names("black")
        yield _Tool("black", "format", "black --check .", "black is configured", black)
    if _knows_its_files(project):
        mypy = project.that_names("mypy")
        yield _Tool("mypy", "types", "mypy", "mypy is configured", mypy)


def _testers(project: PythonProject) -> Iterator[_Tool]:
    """pytest where its packages are known; one environment of tox where only that knows them."""
    named = project.that_names("pytest")
    one = tox_file.environment(project.checkout)
    if named is None and one is not None:
        command, why = f"tox -e {one}", f"tox is configured, and '{one}' is one environment of it"
        yield _Tool("tox", "test", command, why, project.that_names("tox"))
    elif named is not None or _has_pytest(project):
        why = "pytest is configured or there are test files"
        yield _Tool("pytest", "test", "pytest -q", why, named)


def _knows_its_files(project: PythonProject) -> bool:
    """Whether `mypy` alone finds what it is to look at."""
    table = below(project.pyproject, "tool", "mypy")
    keys = ("files", "packages", "modules")
    told = text(project.checkout / "mypy.ini") + text(project.checkout / ".mypy.ini")
    in_cfg = project.setup_cfg["mypy"] if project.setup_cfg.has_section("mypy") else {}
    lines = [line.partition("=")[0].strip() for line in told.splitlines()]
    return any(key in table or key in in_cfg or key in lines for key in keys)


# --- installing ----------------------------------------------------------------------


def _set_up(project: PythonProject, proposal: Proposal, tools: list[_Tool]) -> str | None:
    """Propose how to install the project and its tools; how the checks' commands begin."""
    is_poetrys = project.has("poetry.lock") or bool(
        below(project.pyproject, "tool", "poetry", "dependencies")
    )
    if project.has("uv.lock"):
        return _by_uv(proposal, tools)
    if is_poetrys and any(tool.needs and tool.needs.kind is Kind.POETRY for tool in tools):
        return _by_poetry(project, proposal)
    if project.has("pdm.lock") and proposal.has("pdm"):
        proposal.set_up("pdm install --frozen-lockfile", "there is a pdm.lock")
        return "pdm run "
    _by_pip(project, proposal, tools)
    return ".venv/bin/"


def _by_uv(proposal: Proposal, tools: list[_Tool]) -> str:
    needs = _needs(tools)
    more = "".join(
        f" --{one.kind} {one.name}"
        for one in needs
        if one.kind in (Kind.GROUP, Kind.EXTRA) and (one.kind, one.name) != (Kind.GROUP, "dev")
    )
    uv = "uv"
    if not proposal.has("uv"):  # without it the versions of the lock would not count
        proposal.set_up("python3 -m venv .uv && .uv/bin/pip install -q uv", "uv is not on the PATH")
        uv = ".uv/bin/uv"
    proposal.set_up(f"{uv} sync --frozen{more}", "there is a uv.lock")
    lacking = [tool.package for tool in tools if not tool.is_named]
    if lacking:
        packages = " ".join(lacking)
        proposal.set_up(f"{uv} pip install -q {packages}", "the checks need it")
    return f"{uv} run --no-sync "


def _by_poetry(project: PythonProject, proposal: Proposal) -> str:
    if proposal.has("poetry"):
        poetry = "poetry"
    else:
        proposal.set_up(f"{_VENV} && {_PIP} poetry", "poetry is not on the PATH")
        poetry = ".venv/bin/poetry"
    lock = "poetry.lock" if project.has("poetry.lock") else "configuration of poetry"
    proposal.set_up(f"{poetry} install --no-interaction", f"there is a {lock}")
    return f"{poetry} run "


def _by_pip(project: PythonProject, proposal: Proposal, tools: list[_Tool]) -> None:
    needs = _needs(tools)
    groups = [one for one in needs if one.kind is Kind.GROUP]
    extras = [one.name for one in needs if one.kind is Kind.EXTRA]
    files = [one.name for one in needs if one.kind is Kind.FILE]
    if project.has("requirements.txt") and "requirements.txt" not in files:
        files.insert(0, "requirements.txt")
    install = [f"-r {name}" for name in files]
    if project.is_installable:
        install.append(f"-e '.[{','.join(extras)}]'" if extras else "-e .")
    install += [f"--group {one.name}" for one in groups]
    install += [tool.package for tool in tools if not tool.is_named]
    if not install:
        return
    newest = f"{_PIP} -U 'pip>=25.1' && " if groups else ""  # the first that knows groups
    whys = [f"the checks need {one.words}" for one in needs if one.kind is not Kind.PROJECT]
    if project.is_installable:
        whys.insert(0, "there is a Python project")
    elif files and not needs:
        whys.insert(0, f"there is a {files[0]}")
    why = " and ".join(whys) if whys else "the checks need it"
    proposal.set_up(f"{_VENV} && {newest}{_PIP} {' '.join(install)}", why)


def _needs(tools: list[_Tool]) -> list[Declared]:
    """The places that name the tools, each once."""
    return list(dict.fromkeys(tool.needs for tool in tools if tool.needs is not None))


# --- tests ---------------------------------------------------------------------------


def _has_pytest(project: PythonProject) -> bool:
    if project.is_configured("pytest", "pytest.ini", "conftest.py", "tests/conftest.py"):
        return True
    files = _test_files(project.checkout)
    return bool(files) and not _has_unittests(project)


def _has_unittests(project: PythonProject) -> bool:
    """Whether the tests are written for unittest, and for nothing else."""
    told = [text(file) for file in _test_files(project.checkout)]
    return any("unittest" in one for one in told) and not any("pytest" in one for one in told)


def _test_files(checkout: Path) -> list[Path]:
    patterns = ("test_*.py", "tests/**/test_*.py", "test/**/test_*.py", "tests/**/*_test.py")
    found = [file for pattern in patterns for file in sorted(checkout.glob(pattern))]
    return found[:_MAX_LOOKED_AT]


def _unittest(project: PythonProject, proposal: Proposal) -> None:
    run = "python3 "
    if project.has("requirements.txt") or project.is_installable:
        _by_pip(project, proposal, [])
        run = ".venv/bin/python "
    file = _test_files(project.checkout)[0]
    folder = file.relative_to(project.checkout).parts[0] if file.parent != project.checkout else ""
    if not folder:
        where = ""
    elif (project.checkout / folder / "__init__.py").is_file():
        where = f" -s {folder} -t ."
    else:
        where = f" -s {folder}"
    why = "the tests are written for unittest"
    proposal.check("test", f"{run}-m unittest discover{where}", why)
