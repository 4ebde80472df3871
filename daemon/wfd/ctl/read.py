"""wfctl's pages: assignment, job, evidence, diff.

They answer a person, and a PM agent that calls them often: nothing slow is imported here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from wfd.adapters import client
from wfd.commands import inspect
from wfd.commands.scope import assignment_in, job_in
from wfd.ctl.scene import (
    Scene,
    assignment_here,
    either_id,
    json_option,
    namespace_option,
    scene_of,
    tell_daemon_is_down,
    watch_option,
)
from wfd.domain import ids
from wfd.domain.assignment import Assignment
from wfd.domain.errors import (
    BadConfig,
    Broken,
    NotAllowed,
    NotFound,
    NotRunning,
    TryLater,
    unknown,
)
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.job import WaitsFor
from wfd.edge.ai_words import Ais
from wfd.edge.chain_page import Gate, chain_document, chain_page
from wfd.edge.document import to_json
from wfd.edge.evidence_list import print_evidence
from wfd.edge.job_page import job_document, job_page
from wfd.edge.page import print_page
from wfd.edge.patch import print_patch
from wfd.edge.shell import is_terminal, print_document
from wfd.edge.watch import draw_or_watch


@click.command()
@click.argument("assignment_id", metavar="[ASSIGNMENT]", type=ids.assignment_id, required=False)
@namespace_option
@json_option
@watch_option
def assignment(
    assignment_id: int | None, namespace: str | None, as_json: bool, watch_s: float | None
) -> None:
    """Show one assignment: its goal, its state, and the chain of what was done and why.

    Inside a workspace of wfd you need not name it.
    """
    of = assignment_here() if assignment_id is None else assignment_id

    def draw() -> None:
        with scene_of(namespace, f"A{of}") as here:
            found = assignment_in(here.read, here.namespace.name, of)
            chain = inspect.chain(here.read, here.namespace, found)
            stands = _Standing() if found.is_closed else _standing(here, found)
        if as_json:
            print_document(chain_document(chain, stands.gates, stands.left))
        else:
            print_page(chain_page(chain, stands.gates, here.now, stands.left, Path.cwd()))

    draw_or_watch(draw, watch_s, shows_end=True)


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@namespace_option
@json_option
def job(job_id: int, namespace: str | None, as_json: bool) -> None:
    """Show one job: what it waits for, who can release it, its runs and their results."""
    with scene_of(namespace, f"J{job_id}") as here:
        found = job_in(here.read, here.namespace.name, job_id)
        view = inspect.job(here.read, here.namespace, found)
        ais = {} if found.waits_for is not WaitsFor.AI else _ais(here)
    if as_json:
        print_document(job_document(view, here.now, ais))
        return
    print_page(job_page(view, here.now, ais))
    if not found.is_closed:
        tell_daemon_is_down()


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.argument("name", required=False)
@namespace_option
@json_option
def evidence(job_id: int, name: str | None, namespace: str | None, as_json: bool) -> None:
    """Show the evidence on a job's runs; with NAME the whole output of that check.

    Columns: run, kind, name, result, took, tree, file.
    """
    with scene_of(namespace, f"J{job_id}") as here:
        found = job_in(here.read, here.namespace.name, job_id)
        seen = here.read.all(Evidence, "evidence_of_job", job_id=found.id)
    if name is not None:
        _print_file(_named(seen, name, job_id), "output", as_json)
    elif as_json:
        print_document(to_json(seen))
    else:
        print_evidence(seen)


@click.command()
@click.argument("thing", metavar="ASSIGNMENT|JOB", type=either_id)
@namespace_option
@json_option
def diff(thing: tuple[str, int], namespace: str | None, as_json: bool) -> None:
    """Show as a patch what a job changed, or what an assignment changed since its base."""
    letter, number = thing
    with scene_of(namespace, f"{letter}{number}") as here:
        if letter == "A":
            found = assignment_in(here.read, here.namespace.name, number)
        else:
            job_in(here.read, here.namespace.name, number)
            seen = here.read.all(Evidence, "evidence_of_job", job_id=number)
    if letter == "A":
        _print_assignment_diff(here, found, as_json)
    else:
        _print_file(_last_patch(seen, number), "patch", as_json)


def _ais(here: Scene) -> Ais:
    from wfd.ctl.ai import ais_now  # late: few jobs wait for one

    return ais_now(here.read)


@dataclass(frozen=True)
class _Told:
    name: str
    why: str


@dataclass(frozen=True)
class _Standing:
    """What keeps an assignment from its end, and from going on."""

    gates: Sequence[Gate] | None = None  # None: not told
    left: Sequence[str] = ()


def _standing(here: Scene, of: Assignment) -> _Standing:
    """Nothing where the configuration that it follows from is off."""
    try:
        told = _told_by_the_daemon(here, of)
    except (BadConfig, NotAllowed) as error:
        click.echo(f"wfctl: its gates and caps cannot be shown: {error}", err=True)
        return _Standing()
    gates, left = told["open"], told["left"]
    assert isinstance(gates, list)
    assert isinstance(left, list)
    return _Standing([_Told(**gate) for gate in gates], left)


def _told_by_the_daemon(here: Scene, of: Assignment) -> Mapping[str, object]:
    """As the daemon sees it; found out here where none answers."""
    values = {"namespace": here.namespace.name, "assignment": of.id}
    try:
        answer = client.call(here.place.socket_path, "open_gates", values)
    except (NotRunning, TryLater, Broken):
        from wfd.offline import standing  # late: gates are policy, and policy is slow to import

        return standing(here.place, here.read, of, here.now)
    assert isinstance(answer, dict)
    return answer


def _print_assignment_diff(here: Scene, of: Assignment, as_json: bool) -> None:
    import subprocess

    if of.base_commit is None or of.head_commit is None:
        raise NotFound(f"A{of.id} has no branch yet; 'wfctl assignment A{of.id}' tells its state")
    command = ["git", "--git-dir", here.namespace.git_dir, "diff", "--no-ext-diff"]
    command += ["--no-textconv", "--no-color", of.base_commit, of.head_commit, "--"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as git:
        assert git.stdout is not None
        is_empty = not _print_lines(git.stdout, {"assignment": to_json(of)}, "patch", as_json)
    if git.returncode != 0:
        raise NotFound(f"git could not compute the diff in {here.namespace.git_dir}")
    if is_empty and is_terminal():
        click.echo(f"A{of.id} has changed nothing yet")


def _last_patch(seen: list[Evidence], job_id: int) -> Evidence:
    patches = [one for one in seen if one.kind is EvidenceKind.DIFF and one.path is not None]
    if not patches:
        raise NotFound(f"J{job_id} has no diff; 'wfctl job J{job_id}' tells what it has")
    return patches[-1]


def _named(seen: list[Evidence], name: str, job_id: int) -> Evidence:
    found = [one for one in seen if one.name == name and one.path is not None]
    if not found:
        known = {one.name for one in seen if one.path is not None}
        raise NotFound(f"{unknown('evidence with output', name, known)} (of J{job_id})")
    return found[-1]


def _print_file(one: Evidence, key: str, as_json: bool) -> None:
    assert one.path is not None, "only evidence with a file is printed whole"
    try:
        with Path(one.path).open("rb") as file:
            _print_lines(file, {"evidence": to_json(one)}, key, as_json)
    except FileNotFoundError:
        raise NotFound(f"the file of this evidence is gone: {one.path}") from None


def _print_lines(lines: Iterable[bytes], about: dict[str, object], key: str, as_json: bool) -> bool:
    """Print them as they are, or in a document under `key`; whether there were any."""
    if not as_json:
        return print_patch(lines)
    text = b"".join(lines).decode("utf-8", "replace")
    print_document({**about, key: text})
    return bool(text)
