"""What `wfd init` finds out about a repository, and what it proposes for it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.adapters.proposal import propose
from wfd.adapters.repository import find
from wfd.domain.errors import BadInput, NotAllowed

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


async def test_a_repository_is_found_from_a_folder_in_it(ground: "Ground") -> None:
    found = await find(ground.checkout / "src")

    assert (found.checkout, found.name) == (ground.checkout, "shop")
    assert found.git_dir == ground.checkout / ".git"
    assert found.head_commit == ground.git("rev-parse", "HEAD")


async def test_a_linked_worktree_shares_the_repositorys_git_folder(ground: "Ground") -> None:
    linked = ground.root / "linked"
    ground.git("worktree", "add", "--quiet", str(linked))

    found = await find(linked)

    assert (found.checkout, found.git_dir) == (linked, ground.checkout / ".git")


async def test_a_folder_outside_of_any_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="git init"):
        await find(tmp_path)
    with pytest.raises(BadInput, match="no folder"):
        await find(tmp_path / "nowhere")


async def test_a_repository_without_a_commit_is_told_how_to_make_one(ground: "Ground") -> None:
    empty = ground.root / "empty"
    ground.git("init", "--quiet", str(empty))

    with pytest.raises(NotAllowed, match="git commit --allow-empty -m"):
        await find(empty)
    (empty / "src").mkdir()
    (empty / "src" / "cart.py").touch()
    with pytest.raises(NotAllowed, match="git add -A && git commit -m"):
        await find(empty / "src")


async def test_what_is_told_to_type_can_be_pasted_whatever_the_folder_is_called(
    ground: "Ground",
) -> None:
    empty = ground.root / "it's my shop; really"
    ground.git("init", "--quiet", str(empty))

    with pytest.raises(NotAllowed) as told:
        await find(empty)

    go_there = str(told.value).partition("make one: ")[2].partition(" && ")[0]
    assert paste(f"{go_there} && pwd") == f"{empty}\n"


def paste(command: str) -> str:
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


async def test_a_bare_repository_is_refused(ground: "Ground") -> None:
    bare = ground.root / "bare"
    ground.git("clone", "--quiet", "--bare", ".", str(bare))

    with pytest.raises(NotAllowed, match="worktree add"):
        await find(bare)


async def test_a_partial_clone_is_refused(ground: "Ground") -> None:
    ground.git("config", "uploadpack.allowFilter", "true")
    partial = ground.root / "partial"
    ground.git("clone", "--quiet", "--filter=blob:none", ground.checkout.as_uri(), str(partial))

    with pytest.raises(NotAllowed, match="fetch --refetch"):
        await find(partial)


def test_a_python_project_with_uv(ground: "Ground") -> None:
    (ground.checkout / "uv.lock").touch()
    (ground.checkout / "pyproject.toml").write_text(
        '[project]\nname = "shop"\n[tool.pytest.ini_options]\n[tool.ruff]\n'
    )

    found = propose(ground.checkout)

    assert found.setup == ["uv sync --frozen"]
    assert found.checks == {
        "test": "uv run --frozen pytest -q",
        "lint": "uv run --frozen ruff check .",
    }
    assert len(found.reasons) == 3


def test_a_python_project_with_requirements(ground: "Ground") -> None:
    (ground.checkout / "requirements.txt").write_text("flask\n")
    (ground.checkout / "tests").mkdir()
    (ground.checkout / "tests" / "test_cart.py").touch()

    found = propose(ground.checkout)

    pip = ".venv/bin/pip install -q -r requirements.txt pytest"
    assert found.setup == [f"python3 -m venv .venv && {pip}"]
    assert found.checks == {"test": ".venv/bin/pytest -q"}


def test_bare_test_files_get_what_runs_them(ground: "Ground") -> None:
    (ground.checkout / "test_cart.py").touch()

    found = propose(ground.checkout)

    assert found.setup == ["python3 -m venv .venv && .venv/bin/pip install -q pytest"]
    assert found.checks == {"test": ".venv/bin/pytest -q"}


@pytest.mark.parametrize(
    ("lock", "install", "test"),
    [
        ("package-lock.json", "npm ci", "npm run test"),
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm run test"),
        ("yarn.lock", "yarn install --frozen-lockfile", "yarn run test"),
    ],
)
def test_a_node_project(ground: "Ground", lock: str, install: str, test: str) -> None:
    scripts = {"test": "vitest run", "start": "node ."}
    (ground.checkout / "package.json").write_text(json.dumps({"scripts": scripts}))
    (ground.checkout / lock).touch()

    found = propose(ground.checkout)

    assert (found.setup, found.checks) == ([install], {"test": test})


def test_the_test_that_npm_init_writes_is_none(ground: "Ground") -> None:
    scripts = {"test": 'echo "Error: no test specified" && exit 1'}
    (ground.checkout / "package.json").write_text(json.dumps({"scripts": scripts}))

    assert propose(ground.checkout).checks == {}


def test_rust_go_and_make(ground: "Ground") -> None:
    (ground.checkout / "Makefile").write_text("lint := no\ntest: build\n\tcargo test\n")
    assert propose(ground.checkout).checks == {"test": "make test"}
    (ground.checkout / "Cargo.toml").touch()
    (ground.checkout / "go.mod").touch()
    assert propose(ground.checkout).checks == {
        "test": "cargo test --quiet",
        "test-go": "go test ./...",
        "lint": "go vet ./...",
    }


def test_an_untracked_dotenv_is_copied_and_a_tracked_one_is_not(ground: "Ground") -> None:
    (ground.checkout / ".env").write_text("SECRET=1\n")
    (ground.checkout / ".env.example").write_text("SECRET=\n")
    ground.git("add", "--force", ".env.example")

    assert propose(ground.checkout).copy == [".env"]


def test_a_checkout_that_says_nothing_gets_no_proposal(ground: "Ground") -> None:
    shutil.rmtree(ground.checkout / "src")
    (ground.checkout / "pyproject.toml").write_text("[[[ not toml")
    (ground.checkout / "package.json").write_text("[]")

    found = propose(ground.checkout)

    assert (found.checks, found.setup, found.copy, found.reasons) == ({}, [], [], [])
