"""wfd doctor: whether all is there that wfd needs, and the way out where something is not."""

import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import click

from wfd.adapters import containment
from wfd.adapters.disk import file_bytes, free_bytes, taken
from wfd.adapters.git import GIT_NEEDED
from wfd.adapters.lock import holder
from wfd.adapters.place import Place, place
from wfd.adapters.tools import on_local_disk, probe
from wfd.adapters.users_repository import UsersRepository
from wfd.cli.agents_found import agent_findings, containment_finding
from wfd.cli.filters_found import filter_findings
from wfd.cli.finding import Finding, Level
from wfd.cli.in_use import InUse, in_use
from wfd.cli.rules_found import rule_findings
from wfd.cli.submodules_found import submodule_findings
from wfd.config import Config
from wfd.domain.errors import BadConfig, NotFound, WfdError
from wfd.domain.namespace import Namespace
from wfd.edge.here import namespace_here
from wfd.edge.table import Column, cell, print_table
from wfd.edge.words import plural, tame
from wfd.layers import REPOSITORY_FILE, for_repository, hash_of
from wfd.rules.size import size
from wfd.store.alone import reading
from wfd.store.backup import problem
from wfd.store.failure import RESTORE
from wfd.store.sqlite import open_writer

T = TypeVar("T")

SQLITE_NEEDED = (3, 37, 0)  # strict tables
SQLITE_MENDED = (3, 51, 3)  # before it a WAL reset could lose a commit, very rarely
PYTHON_NEEDED = (3, 11)
CHECK_S = 5.0  # for a look through all pages of the store


def findings() -> list[Finding]:
    """Every finding, the machine's first, then the repository's."""
    found = [_system(), _python(), _sqlite(), _git()]
    where = _or_finding("state folder", place)
    used = _or_finding("configuration", lambda: in_use(where if isinstance(where, Place) else None))
    if isinstance(used, InUse):
        contained = anyio.run(containment.choose, used.config.containment)
        found += agent_findings(used, contained)
        found.append(containment_finding(used.config.containment, contained))
    else:
        found.append(used)
    if isinstance(where, Place):
        wanted = used.config.limits.free_bytes if isinstance(used, InUse) else 0
        found += [*_state_folder(where), _store(where), _room(where, wanted), _daemon(where)]
        found += rule_findings(where, used.config) if isinstance(used, InUse) else []
        found += _repository(where, used.config if isinstance(used, InUse) else Config())
    else:
        found.append(where)
    return found


def print_findings(found: Sequence[Finding]) -> None:
    """One line each, on a terminal with the way out below what is not well."""
    if not sys.stdout.isatty():
        rows = [[cell(f.level), cell(f.what), cell(f.detail), cell(f.way_out)] for f in found]
        print_table([Column("")], rows, empty="")
        return
    marks = {Level.OK: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.FAIL: ("✗", "red")}
    for one in found:
        mark, colour = marks[one.level]
        click.echo(f"{click.style(mark, fg=colour)} {one.what}: {tame(one.detail)}")
        if one.way_out:
            click.echo(f"    {tame(one.way_out)}")


def _or_finding(what: str, make: Callable[[], T]) -> T | Finding:
    try:
        return make()
    except WfdError as error:
        return Finding(Level.FAIL, what, str(error))


def _system() -> Finding:
    name = platform.system()
    if name == "Linux":
        return Finding(Level.OK, "system", f"Linux {platform.release()}")
    if name == "Darwin":
        return Finding(Level.WARN, "system", "macOS: agents run without containment")
    return Finding(Level.FAIL, "system", f"{name} is not supported; use Linux, macOS or WSL 2")


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info >= PYTHON_NEEDED:
        return Finding(Level.OK, "python", version)
    return Finding(
        Level.FAIL, "python", version, f"install Python {_dotted(PYTHON_NEEDED)} or newer"
    )


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SQLITE_NEEDED:
        way_out = f"use a Python with SQLite {_dotted(SQLITE_NEEDED)} or newer"
        return Finding(Level.FAIL, "sqlite", version, way_out)
    if sqlite3.sqlite_version_info < SQLITE_MENDED:
        way_out = (
            f"SQLite before {_dotted(SQLITE_MENDED)} can in rare races lose a commit when its"
            " log is reset; a newer Python build has a fixed SQLite"
        )
        return Finding(Level.WARN, "sqlite", version, way_out)
    return Finding(Level.OK, "sqlite", version)


def _git() -> Finding:
    seen = anyio.run(probe, ("git", "--version"))
    if seen.version is None:
        return Finding(Level.FAIL, "git", seen.error or "unknown", "install git")
    if _numbers(seen.version) < GIT_NEEDED:
        way_out = f"install git {_dotted(GIT_NEEDED)} or newer"
        return Finding(Level.FAIL, "git", seen.version, way_out)
    return Finding(Level.OK, "git", seen.version)


def _state_folder(where: Place) -> Iterator[Finding]:
    folder = where.state_dir
    try:
        with tempfile.TemporaryFile(dir=folder):
            yield Finding(Level.OK, "state folder", str(folder))
    except OSError as error:
        way_out = f"make {folder} writable, or set WFD_STATE_DIR to another folder"
        yield Finding(Level.FAIL, "state folder", f"{folder}: {error.strerror}", way_out)
        return
    is_local, kind = on_local_disk(folder)
    if is_local:
        yield Finding(Level.OK, "disk", kind)
    else:
        way_out = "set WFD_STATE_DIR to a folder on a disk of this machine"
        yield Finding(Level.FAIL, "disk", f"{folder} is on {kind}, over a network", way_out)


def _store(where: Place) -> Finding:
    """A store is really written beside the real one, and the real one is really read."""
    try:
        with tempfile.TemporaryDirectory(dir=where.state_dir, prefix="doctor-") as folder:
            _write_scratch(Path(folder) / "scratch.db")
        where.refuse_lost_store()
        if not where.store_path.exists():
            return Finding(Level.OK, "store", "none yet; 'wfd init' makes it")
        with reading(where.store_path) as read:
            count = len(read.all(Namespace, "namespaces"))
        damage = problem(where.store_path, within_s=CHECK_S)
    except (WfdError, OSError, sqlite3.Error) as error:
        return Finding(Level.FAIL, "store", str(error), "check whether the disk is full or failing")
    if damage is not None:
        return Finding(Level.FAIL, "store", f"{where.store_path} is damaged: {damage}", RESTORE)
    return Finding(Level.OK, "store", f"{where.store_path}, {plural(count, 'namespace')}")


def _room(where: Place, wanted: int) -> Finding:
    """What lies in the state folder, and what is left for more."""
    free = free_bytes(where.state_dir)
    store = file_bytes(where.store_path)
    log = file_bytes(where.store_path.with_name(f"{where.store_path.name}-wal"))
    parts = [f"{size(free)} free", f"store {size(store)}", f"its log {size(log)}"]
    for what, name in (("transcripts", "runs"), ("workspaces", "ns"), ("backups", "backups")):
        found = taken(where.state_dir / name)
        parts.append(f"{what} {'' if found.is_all else 'over '}{size(found.bytes)}")
    detail = ", ".join(parts)
    if free < wanted:
        way_out = (
            "free some space, for example: wfctl prune --older-than 30d; no new work starts before"
        )
        return Finding(Level.FAIL, "room", detail, way_out)
    if free < max(2 * wanted, 3 * store):
        way_out = "free some space soon: wfctl prune --older-than 30d, and delete old backups"
        return Finding(Level.WARN, "room", detail, way_out)
    return Finding(Level.OK, "room", detail)


def _write_scratch(path: Path) -> None:
    connection = open_writer(path)
    try:
        connection.execute("begin immediate")
        connection.execute(
            "insert into namespace (name, git_dir, checkout, created_at) values ('x', 'x', 'x', 0)"
        )
        connection.execute("rollback")
    finally:
        connection.close()


def _daemon(where: Place) -> Finding:
    pid = holder(where)
    if pid is None:
        return Finding(Level.WARN, "daemon", "it is not running", "start it: wfd start --detach")
    return Finding(Level.OK, "daemon", f"running (pid {pid or 'unknown'})")


def _repository(where: Place, config: Config) -> Iterator[Finding]:
    """Of the folder that the caller stands in."""
    try:
        with reading(where.store_path) as read:
            namespace = namespace_here(read, None, os.environ, Path.cwd(), where.state_dir)
    except NotFound as error:
        yield Finding(Level.WARN, "namespace", str(error))
        return
    except WfdError:
        return  # a store of no use has been told
    yield Finding(Level.OK, "namespace", f"{namespace.name} ({namespace.checkout})")
    yield _trust(namespace)
    yield from filter_findings(UsersRepository.of(namespace), _accepted_filters(namespace, config))
    yield from submodule_findings(Path(namespace.checkout))


def _accepted_filters(namespace: Namespace, config: Config) -> Sequence[str]:
    file = Path(namespace.checkout) / REPOSITORY_FILE
    try:
        text = file.read_text(encoding="utf-8")
        is_accepted = hash_of(text) == namespace.trusted_hash
        repository = for_repository(config, text, str(file)) if is_accepted else config
    except (OSError, UnicodeDecodeError, BadConfig):
        return config.workspace.filters
    return repository.workspace.filters


def _trust(namespace: Namespace) -> Finding:
    file = Path(namespace.checkout) / REPOSITORY_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        if namespace.trusted_hash is None:
            return Finding(Level.OK, "repository's configuration", "none, so no checks run")
        return _untrusted(f"{file} was accepted and cannot be read")
    if hash_of(text) != namespace.trusted_hash:
        return _untrusted(f"{file} has changed since it was accepted, and no job starts until then")
    try:
        for_repository(Config(), text, str(file))
    except BadConfig as error:
        return Finding(Level.FAIL, "repository's configuration", str(error), _MEND)
    return Finding(Level.OK, "repository's configuration", f"{file} is accepted")


_MEND = "fix it, then run: wfd trust"


def _untrusted(detail: str) -> Finding:
    way_out = "look at it, then run: wfd trust"
    return Finding(Level.FAIL, "repository's configuration", detail, way_out)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split(".")[:2]:
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
