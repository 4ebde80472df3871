"""A user's repository and the workspaces of one assignment in it."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.rules.rows import an_assignment

from wfd.adapters.workspaces import GitWorkspaces
from wfd.domain.assignment import Assignment
from wfd.domain.ids import JobId, NamespaceId, RunId
from wfd.domain.kept import Kept
from wfd.domain.namespace import Namespace
from wfd.ports import Snapshot, Workspace


def git(where: Path, *args: str) -> str:
    """git as a person runs it, with a configuration that is the same everywhere."""
    done = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *args],
        cwd=where,
        check=True,
        capture_output=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"},
    )
    return done.stdout.decode("utf-8", "surrogateescape").strip()


@dataclass
class Ground:
    """The story so far: what the store would know of the assignment is in `assignment`."""

    root: Path
    checkout: Path
    state_dir: Path
    namespace: Namespace
    assignment: Assignment
    workspaces: GitWorkspaces
    marker: Path  # exists once anything of an agent's has run
    runs: int = 100

    @property
    def workspace(self) -> Path:
        return self.state_dir / "ns" / "1" / "A7"

    @property
    def own(self) -> Path:
        return self.state_dir / "ns" / "1" / "repo.git"

    async def prepare(self) -> Workspace:
        made = await self.workspaces.prepare(self.namespace, self.assignment)
        self.assignment = replace(
            self.assignment, base_commit=made.base_commit, base_tree=made.base_tree
        )
        return made

    async def snapshot(self, title: str = "Do it") -> Snapshot:
        self.runs += 1
        taken = await self.workspaces.snapshot(
            self.namespace, self.assignment, JobId(42), RunId(self.runs), title
        )
        await self.deliver(taken, moves_branch=False)
        return taken

    async def deliver(self, taken: Snapshot, *, moves_branch: bool) -> None:
        await self.workspaces.deliver(
            self.namespace,
            self.assignment,
            RunId(self.runs),
            taken.commit,
            moves_branch=moves_branch,
        )

    async def advance(self, to: Snapshot) -> None:
        await self.deliver(to, moves_branch=True)
        self.assignment = replace(self.assignment, head_commit=to.commit, head_tree=to.tree)

    async def restore(self, commit: str) -> None:
        await self.workspaces.restore(self.namespace, self.assignment, commit)

    async def remove(self) -> Kept:
        return await self.workspaces.remove(self.namespace, self.assignment)

    async def mark_set_up(self) -> None:
        await self.workspaces.mark_set_up(self.namespace, self.assignment)

    def git(self, *args: str) -> str:
        return git(self.checkout, *args)

    def agent(self, *args: str) -> str:
        """git as the agent runs it, in its workspace."""
        return git(self.workspace, *args)

    def files(self, commit: str) -> dict[str, str]:
        """Path and content of all files of a commit, as the user's repository has them."""
        names = self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")
        return {n: self.git("cat-file", "-p", f"{commit}:{n}") for n in names if n}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    checkout = tmp_path / "shop"
    checkout.mkdir()
    git(checkout, "init", "--quiet", "--initial-branch=main")
    (checkout / "README").write_text("a shop\n")
    (checkout / "src").mkdir()
    (checkout / "src" / "cart.py").write_text("total = 0\n")
    (checkout / ".gitignore").write_text("*.log\n/venv/\n.env\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "--quiet", "-m", "First")
    state_dir = tmp_path / "state"
    return Ground(
        root=tmp_path,
        checkout=checkout,
        state_dir=state_dir,
        namespace=Namespace(NamespaceId(1), "shop", str(checkout / ".git"), str(checkout), None),
        assignment=_assignment(),
        workspaces=GitWorkspaces(state_dir),
        marker=tmp_path / "it-ran",
    )


def _assignment() -> Assignment:
    """One that has not begun."""
    none: dict[str, None] = dict.fromkeys(("base_commit", "base_tree", "head_commit", "head_tree"))
    return an_assignment(north_star="sell more", is_set_up=False, jobs=0, **none)
