"""What a package.json suggests: its package manager, and scripts that end and change nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.fixing import changes_files, only_looking
from wfd.adapters.proposed import Proposal, json_object, text

_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)
_WANTED = {
    "test": ("test", "test:ci", "test:run", "test:unit", "ci:test"),
    "lint": ("lint", "lint:check", "lint:ci", "check:lint"),
    "typecheck": ("typecheck", "type-check", "check-types", "check:types", "types:check"),
}
_NO_TEST = "no test specified"  # what `npm init` writes for a test
_NEVER_ENDS = re.compile(r"--watch(?:All)?(?!=false)\b|\bnodemon\b|(?:^|\s)-w(?:\s|$)|--ui\b")
_CALLS = re.compile(r"\b(?:npm|pnpm|yarn|bun)(?: run(?:-script)?)? ([\w:.-]+)")
_MANAGER = re.compile(r"(npm|pnpm|yarn|bun)@(\d[\w.-]*)")


@dataclass(frozen=True)
class _Manager:
    name: str
    version: str | None
    lock: str | None

    @property
    def is_berry(self) -> bool:
        return self.version is not None and not self.version.startswith(("0.", "1."))

    @property
    def install(self) -> str:
        if self.lock is None:
            return "install"
        if self.name == "npm":
            return "ci"
        return "install --immutable" if self.name == "yarn" and self.is_berry else (
            "install --frozen-lockfile"
        )  # fmt: skip

    def program(self, proposal: Proposal) -> str | None:
        """How to call it: as it is, or fetched by the npm that is there; None without one."""
        if proposal.has(self.name):
            return self.name
        if not proposal.has("npx") or self.name == "npm":
            return None
        at = "" if self.version is None else f"@{self.version}"
        if self.name == "yarn" and self.is_berry:
            return f"npx -y -p @yarnpkg/cli-dist{at} yarn"
        return f"npx -y {self.name}{at}"


def propose(checkout: Path, proposal: Proposal) -> None:
    package = json_object(checkout / "package.json")
    if package is None:
        return
    manager = _manager(checkout, package)
    run = manager.program(proposal)
    if run is None:
        proposal.lacks("package.json", manager.name)
        return
    if manager.lock is not None:
        proposal.set_up(f"{run} {manager.install}", f"there is a {manager.lock}")
    elif package.get("dependencies") or package.get("devDependencies"):
        why = "package.json has dependencies and no lockfile"
        proposal.set_up(f"{run} {manager.install}", why)
    scripts = _scripts(package)
    for check, names in _WANTED.items():
        _script(proposal, run, check, names, scripts)


def _manager(checkout: Path, package: Mapping[str, object]) -> _Manager:
    """As `packageManager` names it, else by its lockfile."""
    said = _MANAGER.match(str(package.get("packageManager", "")))
    locks = [(lock, name) for lock, name in _LOCKS if (checkout / lock).is_file()]
    if said is not None:
        own = [lock for lock, name in locks if name == said[1]]
        return _Manager(said[1], said[2], own[0] if own else None)
    if not locks:
        return _Manager("npm", None, None)
    first, name = locks[0]
    is_berry = name == "yarn" and "__metadata:" in text(checkout / first)[:2000]
    return _Manager(name, "4" if is_berry else None, first)


def _scripts(package: Mapping[str, object]) -> dict[str, str]:
    scripts = package.get("scripts")
    if not isinstance(scripts, dict):
        return {}
    return {name: line for name, line in scripts.items() if isinstance(line, str) and line}


def _script(
    proposal: Proposal, run: str, check: str, names: tuple[str, ...], scripts: Mapping[str, str]
) -> None:
    """The first script that ends and changes nothing; else say why there is none."""
    there = [n for n in names if n in scripts and _NO_TEST not in scripts[n]]
    for name in there:
        if _why_not(name, scripts) is None:
            why = f"package.json has a {name} script"
            proposal.check(check, f"{run} run {name}", why)
            return
    for name in there:
        plain = only_looking(scripts[name])
        if plain is not None and not _NEVER_ENDS.search(plain) and not _CALLS.search(plain):
            why = f"the {name} script of package.json changes files, and this runs it without that"
            proposal.check(check, f"npx --no-install {plain}", why)
            return
    if there:
        it_does = _why_not(there[0], scripts)
        proposal.leave_out(f"check {check}", f"the {there[0]} script of package.json {it_does}")


def _why_not(name: str, scripts: Mapping[str, str]) -> str | None:
    """What keeps a script, or one that it calls, from being a check."""
    seen, due = set[str](), [name]
    while due:
        called = due.pop()
        if called in seen or called not in scripts:
            continue
        seen.add(called)
        line = scripts[called]
        if changes_files(line):
            return "changes files"
        if _NEVER_ENDS.search(line):
            return "waits for changes and never ends"
        due += _CALLS.findall(line)
    return None
