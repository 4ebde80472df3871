"""What Rust, Go, Maven, Gradle, make and just suggest as checks."""

import re
from pathlib import Path

from wfd.adapters.fixing import changes_files
from wfd.adapters.proposed import Proposal, text, toml

_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", "Justfile", ".justfile")
_TARGETS = ("test", "check", "lint")


def propose(checkout: Path, proposal: Proposal) -> None:
    for look in (_rust, _go, _maven, _gradle, _make, _just):
        look(checkout, proposal)


def _rust(checkout: Path, proposal: Proposal) -> None:
    file = checkout / "Cargo.toml"
    if not file.is_file():
        return
    if not proposal.has("cargo"):
        proposal.lacks("Cargo.toml", "cargo")
        return
    every = " --workspace" if "workspace" in toml(file) else ""
    proposal.check("test", f"cargo test --quiet{every}", "there is a Cargo.toml")
    has_style = any((checkout / name).is_file() for name in ("rustfmt.toml", ".rustfmt.toml"))
    if has_style and proposal.has("cargo-fmt"):
        proposal.check("format", "cargo fmt --all --check", "rustfmt is configured")


def _go(checkout: Path, proposal: Proposal) -> None:
    if not (checkout / "go.mod").is_file():
        return
    if not proposal.has("go"):
        proposal.lacks("go.mod", "go")
        return
    proposal.check("test", "go test ./...", "there is a go.mod")
    proposal.check("lint", "go vet ./...", "there is a go.mod")


def _maven(checkout: Path, proposal: Proposal) -> None:
    if (checkout / "pom.xml").is_file():
        _of_java(checkout, proposal, "pom.xml", "mvnw", "mvn", "-B -q test")


def _gradle(checkout: Path, proposal: Proposal) -> None:
    for name in _GRADLE:
        if (checkout / name).is_file():
            # a daemon of gradle's would outlive the check, and be ended with it
            _of_java(checkout, proposal, name, "gradlew", "gradle", "--no-daemon test")
            return


def _of_java(
    checkout: Path, proposal: Proposal, file: str, wrapper: str, program: str, arguments: str
) -> None:
    if not proposal.has("java"):
        proposal.lacks(file, "java")
    elif (checkout / wrapper).is_file():
        is_executable = (checkout / wrapper).stat().st_mode & 0o111
        run = f"./{wrapper}" if is_executable else f"sh ./{wrapper}"
        proposal.check("test", f"{run} {arguments}", f"there are a {file} and a {wrapper}")
    elif proposal.has(program):
        proposal.check("test", f"{program} {arguments}", f"there is a {file}")
    else:
        proposal.lacks(file, program)


def _make(checkout: Path, proposal: Proposal) -> None:
    _targets(checkout, proposal, _MAKEFILES, "make")


def _just(checkout: Path, proposal: Proposal) -> None:
    _targets(checkout, proposal, _JUSTFILES, "just")


def _targets(checkout: Path, proposal: Proposal, names: tuple[str, ...], program: str) -> None:
    """Targets that test, where nothing else was found to do that, nor to be missing for it."""
    file = next((checkout / name for name in names if (checkout / name).is_file()), None)
    if file is None or proposal.checks or proposal.lacking:
        return
    recipes = _recipes(text(file))
    wanted = [name for name in _TARGETS if name in recipes]
    if wanted and not proposal.has(program):
        proposal.lacks(file.name, program)
        return
    for name in wanted:
        if changes_files(recipes[name]):
            proposal.leave_out(f"check {name}", f"that target of {file.name} changes files")
        else:
            proposal.check(name, f"{program} {name}", f"{file.name} has a {name} target")


def _recipes(makefile: str) -> dict[str, str]:
    """The lines below each target."""
    found: dict[str, str] = {}
    target = ""
    for line in makefile.splitlines():
        begins = re.match(r"@?([A-Za-z][\w-]*)(?: [^:=]*)?:(?!=)", line)
        if begins is not None:
            target = begins[1]
            found.setdefault(target, "")
        elif target and (line[:1].isspace() or not line):
            found[target] += f"{line}\n"
        else:
            target = ""
    return found
