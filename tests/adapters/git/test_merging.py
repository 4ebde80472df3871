"""What a lane came to, brought into the branch of its assignment."""

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from wfd.domain.assignment import Assignment
from wfd.domain.ids import JobId, RunId
from wfd.ports import Conflicting, Snapshot

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


async def a_lane(ground: "Ground", name: str, files: dict[str, str]) -> Assignment:
    """The assignment as a lane sees it that has begun at its head and changed these files."""
    whole = ground.assignment
    head, tree = (whole.head_commit or whole.base_commit), (whole.head_tree or whole.base_tree)
    lane = replace(
        whole, lane=name, base_commit=head, base_tree=tree, head_commit=head, head_tree=tree
    )
    beside = replace(ground, assignment=lane)
    made = await beside.prepare()
    for path, text in files.items():
        (made.path / path).parent.mkdir(exist_ok=True)
        (made.path / path).write_text(text)
    taken = await beside.snapshot()
    await beside.advance(taken)
    return beside.assignment


async def merged(ground: "Ground", lane: Assignment, job: int = 50) -> Snapshot | Conflicting:
    return await ground.workspaces.merge(
        ground.namespace, ground.assignment, lane, JobId(job), RunId(job)
    )


async def test_lanes_begin_side_by_side_at_one_base(ground: "Ground") -> None:
    found: list[tuple[str, str]] = []

    async def begin() -> None:
        found.append(await ground.workspaces.base(ground.namespace, ground.assignment))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(begin)
    assert set(found) == {(ground.git("rev-parse", "HEAD"), ground.git("rev-parse", "HEAD^{tree}"))}


async def test_what_two_lanes_did_comes_together_and_says_who_did_it(ground: "Ground") -> None:
    await ground.prepare()
    one = await a_lane(ground, "J1", {"a/a.txt": "a\n"})
    two = await a_lane(ground, "J2", {"b/b.txt": "b\n"})
    for number, lane in enumerate((one, two)):
        made = await merged(ground, lane, 50 + number)
        assert isinstance(made, Snapshot)
        ground.runs += 1
        await ground.restore(made.commit)
        await ground.advance(made)
    files = ground.files("wfd/A7")
    assert (files["a/a.txt"], files["b/b.txt"]) == ("a", "b")
    said = ground.git("log", "-1", "--format=%s%n%(trailers:only)", "wfd/A7").split("\n")
    assert said == ["Merge wfd/A7-J2 into wfd/A7", "Wfd-Job: J51", "Wfd-Run: R51"]
    ground.git("fsck", "--strict")


async def test_a_conflict_names_its_paths_and_changes_nothing(ground: "Ground") -> None:
    """A failed merge-back deleted the only commit."""
    await ground.prepare()
    one = await a_lane(ground, "J1", {"README": "one\n", "src/é.py": "1\n"})
    two = await a_lane(ground, "J2", {"README": "two\n", "src/é.py": "2\n"})
    made = await merged(ground, one)
    assert isinstance(made, Snapshot)
    await ground.restore(made.commit)
    await ground.advance(made)
    before = ground.git("for-each-ref")

    assert await merged(ground, two, 51) == Conflicting(("README", "src/é.py"))
    assert ground.git("for-each-ref") == before
    assert ground.files("wfd/A7-J2")["README"] == "two"
    assert (ground.workspace / "README").read_text() == "one\n", "nor what lies there"


async def test_merging_again_for_the_same_job_gives_the_same_commit(ground: "Ground") -> None:
    """Dispatched twice."""
    await ground.prepare()
    lane = await a_lane(ground, "J1", {"a.txt": "a\n"})
    first = await merged(ground, lane)
    assert await merged(ground, lane) == first
    assert isinstance(first, Snapshot)
    await ground.advance(first)
    again = await merged(ground, lane)
    assert again == first, "also after the branch has moved"


async def test_what_lay_unkept_in_the_workspace_is_in_the_merge(ground: "Ground") -> None:
    """Work is lost with what is cleaned up."""
    made = await ground.prepare()
    lane = await a_lane(ground, "J1", {"a.txt": "a\n"})
    (made.path / "left.txt").write_text("by a run that went wrong\n")
    merge = await merged(ground, lane)
    assert isinstance(merge, Snapshot)
    ground.runs += 1
    await ground.restore(merge.commit)
    await ground.advance(merge)
    assert ground.files("wfd/A7")["left.txt"] == "by a run that went wrong"


async def test_the_branch_of_a_merged_lane_goes_unless_somebody_moved_it(ground: "Ground") -> None:
    await ground.prepare()
    one = await a_lane(ground, "J1", {"a.txt": "a\n"})
    two = await a_lane(ground, "J2", {"b.txt": "b\n"})
    ground.git("branch", "-f", "wfd/A7-J2", "main")
    for lane in (one, two):
        await ground.workspaces.remove(ground.namespace, lane)
        await ground.workspaces.retire(ground.namespace, lane)
    branches = ground.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    assert branches == ["main", "wfd/A7-J2"]
    assert ground.git("rev-parse", "refs/wfd/A7-J1/head") == one.head_commit
