"""What `wfd init` proposes for a checkout: only what can pass where it is run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.adapters.proposal import propose
from wfd.adapters.proposed import Proposal

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground

EVERYTHING = (
    "python3", "npm", "npx", "node", "pnpm", "yarn", "bun", "uv", "poetry", "pdm", "cargo",
    "cargo-fmt", "go", "java", "mvn", "gradle", "make", "just",
)  # fmt: skip
VENV = "python3 -m venv .venv && .venv/bin/pip install -q"
VENV_OF_GROUPS = f"{VENV} -U 'pip>=25.1' && .venv/bin/pip install -q"

Proposed = Callable[..., Proposal]


@pytest.fixture
def proposed(ground: "Ground") -> Proposed:
    """What is proposed for these files, where there are these programs alone."""

    def look(files: dict[str, str], *, there: tuple[str, ...] = EVERYTHING) -> Proposal:
        for name, text in files.items():
            file = ground.checkout / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return propose(ground.checkout, lambda program: program if program in there else None)

    return look


def package(scripts: dict[str, str], **more: object) -> dict[str, str]:
    return {"package.json": json.dumps({"scripts": scripts, **more})}


# --- Python --------------------------------------------------------------------------

GROUPS = """
[project]
name = "shop"
[dependency-groups]
docs = ["sphinx"]
tests = ["pytest>8", {include-group = "more"}]
more = ["pytest-xdist"]
dev = ["ruff", "tox"]
[tool.pytest.ini_options]
[tool.ruff]
fix = true
"""


def test_a_python_project_with_uv_gets_the_groups_that_name_its_tools(proposed: Proposed) -> None:
    found = proposed({"uv.lock": "", "pyproject.toml": GROUPS})

    assert found.setup == ["uv sync --frozen --group tests"]
    assert found.checks == {
        "test": "uv run --no-sync pytest -q",
        "lint": "uv run --no-sync ruff check --no-fix .",
    }
    assert len(found.reasons) == 3


def test_without_uv_on_the_path_the_set_up_installs_it_for_the_sake_of_the_lock(
    proposed: Proposed,
) -> None:
    found = proposed({"uv.lock": "", "pyproject.toml": GROUPS}, there=("python3",))

    assert found.setup == [
        "python3 -m venv .uv && .uv/bin/pip install -q uv",
        ".uv/bin/uv sync --frozen --group tests",
    ]
    assert found.checks["test"] == ".uv/bin/uv run --no-sync pytest -q"


def test_a_project_without_a_lock_is_installed_by_pip_with_its_groups(proposed: Proposed) -> None:
    found = proposed({"pyproject.toml": GROUPS})

    assert found.setup == [f"{VENV_OF_GROUPS} -e . --group tests --group dev"]
    assert found.checks["test"] == ".venv/bin/pytest -q"


def test_an_extra_that_names_pytest_is_installed_with_the_project(proposed: Proposed) -> None:
    project = (
        '[project]\nname = "shop"\n[project.optional-dependencies]\n'
        'fast = ["speedups"]\ntesting = ["pytest", "pytest-cov"]\n'
    )

    found = proposed({"pyproject.toml": project})

    assert found.setup == [f"{VENV} -e '.[testing]'"]


def test_a_python_project_with_requirements(proposed: Proposed) -> None:
    found = proposed({"requirements.txt": "flask\n", "tests/test_cart.py": ""})

    assert found.setup == [f"{VENV} -r requirements.txt pytest"]
    assert found.checks == {"test": ".venv/bin/pytest -q"}


def test_requirements_of_the_tests_are_installed_beside_those_of_the_project(
    proposed: Proposed,
) -> None:
    files = {
        "requirements.txt": "flask\n", "requirements-dev.txt": "-r more.txt\n",
        "more.txt": "PyTest==8\n", "setup.py": "",
    }  # fmt: skip

    found = proposed(files)

    assert found.setup == [f"{VENV} -r requirements.txt -r requirements-dev.txt -e ."]


def test_bare_test_files_get_what_runs_them(proposed: Proposed) -> None:
    found = proposed({"test_cart.py": "def test_one(): pass\n"})

    assert found.setup == [f"{VENV} pytest"]
    assert found.checks == {"test": ".venv/bin/pytest -q"}


@pytest.mark.parametrize(
    ("files", "setup", "test"),
    [
        ({"test_cart.py": ""}, [], "python3 -m unittest discover"),
        ({"tests/test_cart.py": ""}, [], "python3 -m unittest discover -s tests"),
        (
            {"tests/test_cart.py": "", "tests/__init__.py": "", "setup.py": ""},
            [f"{VENV} -e ."],
            ".venv/bin/python -m unittest discover -s tests -t .",
        ),
    ],
)
def test_tests_that_are_written_for_unittest_need_no_pytest(
    proposed: Proposed, files: dict[str, str], setup: list[str], test: str
) -> None:
    written = {
        name: "import unittest\nclass T(unittest.TestCase): pass\n" if "cart" in name else text
        for name, text in files.items()
    }

    found = proposed(written)

    assert (found.setup, found.checks) == (setup, {"test": test})


@pytest.mark.parametrize(
    ("tox", "environment"),
    [
        ("[tox]\nenvlist = py{310,311}\n[testenv]\ncommands = pytest\n", "py"),
        ("[testenv]\ncommands = python -m unittest\n", "py"),
        (
            "[tox]\nenv_list =\n  lint,\n  docs-{a,b},\n  test-{fast,slow}\n"
            "[testenv]\ncommands =\n  fast: pytest\n  slow: pytest --slow\n",
            "test-fast",
        ),
    ],
)
def test_of_tox_one_environment_is_run(proposed: Proposed, tox: str, environment: str) -> None:
    found = proposed({"tox.ini": tox})

    assert found.setup == [f"{VENV} tox"]
    assert found.checks == {"test": f".venv/bin/tox -e {environment}"}


def test_of_tox_the_environment_of_this_python_is_run_where_they_differ(
    proposed: Proposed,
) -> None:
    names = ", ".join(f"docs, 3.{{1-30}}-{kind}" for kind in ("mypy", "tests"))
    tox = f"[tox]\nenvlist = {names}\n[testenv]\ncommands =\n  tests: pytest\n  mypy: mypy\n"

    (test,) = proposed({"tox.ini": tox}).checks.values()

    assert test.endswith("-tests")


def test_a_linter_whose_version_nobody_says_is_left_out_with_a_word(proposed: Proposed) -> None:
    found = proposed({"ruff.toml": "", "test_cart.py": ""})

    assert list(found.checks) == ["test"]
    assert any("no check lint: ruff is configured" in reason for reason in found.reasons)


def test_formatters_only_look(proposed: Proposed) -> None:
    files = {"requirements-dev.txt": "black\npytest\n", "pyproject.toml": "[tool.black]\n"}

    assert proposed(files).checks["format"] == ".venv/bin/black --check ."


def test_mypy_is_proposed_where_it_knows_its_files(proposed: Proposed) -> None:
    named = {"requirements-dev.txt": "mypy\npytest\n"}

    assert "types" not in proposed({**named, "pyproject.toml": "[tool.mypy]\n"}).checks
    found = proposed({**named, "pyproject.toml": '[tool.mypy]\nfiles = ["src"]\n'})
    assert found.checks["types"] == ".venv/bin/mypy"


@pytest.mark.parametrize(
    ("there", "setup", "run"),
    [
        (("poetry",), ["poetry install --no-interaction"], "poetry run"),
        (
            (),
            [f"{VENV} poetry", ".venv/bin/poetry install --no-interaction"],
            ".venv/bin/poetry run",
        ),
    ],
)
def test_poetry_installs_its_own_groups(
    proposed: Proposed, there: tuple[str, ...], setup: list[str], run: str
) -> None:
    project = (
        '[tool.poetry.dependencies]\npython = "*"\n'
        '[tool.poetry.group.dev.dependencies]\npytest = "*"\n'
    )

    found = proposed({"poetry.lock": "", "pyproject.toml": project}, there=there)

    assert (found.setup, found.checks) == (setup, {"test": f"{run} pytest -q"})


# --- Node ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lock", "install", "test"),
    [
        ({"package-lock.json": ""}, "npm ci", "npm run test"),
        ({"pnpm-lock.yaml": ""}, "pnpm install --frozen-lockfile", "pnpm run test"),
        ({"yarn.lock": ""}, "yarn install --frozen-lockfile", "yarn run test"),
        ({"yarn.lock": "__metadata:\n"}, "yarn install --immutable", "yarn run test"),
        ({"bun.lock": ""}, "bun install --frozen-lockfile", "bun run test"),
    ],
)
def test_a_node_project(proposed: Proposed, lock: dict[str, str], install: str, test: str) -> None:
    found = proposed({**package({"test": "vitest run", "start": "node ."}), **lock})

    assert (found.setup, found.checks) == ([install], {"test": test})


def test_the_package_manager_that_is_named_counts_and_npx_fetches_it(proposed: Proposed) -> None:
    files = package({"test": "jest"}, packageManager="pnpm@9.4.0+sha512.abc")
    both = {**files, "pnpm-lock.yaml": "", "package-lock.json": ""}

    found = proposed(both, there=("npm", "npx", "node"))

    assert found.setup == ["npx -y pnpm@9.4.0 install --frozen-lockfile"]
    assert found.checks == {"test": "npx -y pnpm@9.4.0 run test"}


def test_a_script_that_changes_files_is_run_without_that_or_left_out(proposed: Proposed) -> None:
    one = proposed(package({"lint": "eslint src --fix --quiet", "typecheck": "tsc"}))
    assert one.checks == {
        "lint": "npx --no-install eslint src --quiet", "typecheck": "npm run typecheck",
    }  # fmt: skip
    two = proposed(package({"lint": "npm run lint:fix", "lint:fix": "eslint . --fix && x"}))
    assert two.checks == {}
    assert two.reasons[-1] == "no check lint: the lint script of package.json changes files"
    three = proposed(package({"lint": "prettier --write .", "lint:check": "prettier -c ."}))
    assert three.checks == {"lint": "npm run lint:check"}


def test_a_script_that_never_ends_is_left_out(proposed: Proposed) -> None:
    found = proposed(package({"test": "jest --watch", "test:ci": "jest --watchAll=false"}))
    assert found.checks == {"test": "npm run test:ci"}
    assert proposed(package({"test": "vitest --watch"})).checks == {}


def test_the_test_that_npm_init_writes_is_none(proposed: Proposed) -> None:
    found = proposed(package({"test": 'echo "Error: no test specified" && exit 1'}))

    assert found.checks == {}


# --- others --------------------------------------------------------------------------


def test_rust_go_and_make(proposed: Proposed) -> None:
    make = {"Makefile": "lint := no\ntest: build\n\tcargo test\n"}
    assert proposed(make).checks == {"test": "make test"}
    assert proposed({**make, "Cargo.toml": "", "go.mod": ""}).checks == {
        "test": "cargo test --quiet", "test-go": "go test ./...", "lint": "go vet ./...",
    }  # fmt: skip


def test_a_workspace_of_rust_is_tested_whole_and_its_format_only_looked_at(
    proposed: Proposed,
) -> None:
    assert proposed({"Cargo.toml": "[workspace]\n", "rustfmt.toml": ""}).checks == {
        "test": "cargo test --quiet --workspace",
        "format": "cargo fmt --all --check",
    }


def test_wrappers_of_maven_and_gradle_come_before_what_is_on_the_path(
    proposed: Proposed, ground: "Ground"
) -> None:
    assert proposed({"pom.xml": ""}).checks == {"test": "mvn -B -q test"}
    assert proposed({"mvnw": ""}).checks == {"test": "sh ./mvnw -B -q test"}
    (ground.checkout / "mvnw").chmod(0o755)
    (ground.checkout / "pom.xml").rename(ground.checkout / "build.gradle.kts")
    (ground.checkout / "mvnw").rename(ground.checkout / "gradlew")
    assert proposed({}).checks == {"test": "./gradlew --no-daemon test"}


def test_a_target_that_changes_files_is_left_out(proposed: Proposed) -> None:
    make = "test:\n\tpytest\nlint:\n\truff check --fix .\ncheck: test\n\tblack --check .\n"

    assert proposed({"Makefile": make}).checks == {"test": "make test", "check": "make check"}


def test_recipes_of_just(proposed: Proposed) -> None:
    just = "set shell := ['sh']\ntest *args:\n    cargo test {{args}}\n"

    assert proposed({"justfile": just}).checks == {"test": "just test"}


@pytest.mark.parametrize(
    ("files", "program"),
    [
        ({"Cargo.toml": ""}, "cargo"),
        ({"go.mod": ""}, "go"),
        ({"pom.xml": ""}, "java"),
        (package({"test": "jest"}), "npm"),
        ({"Makefile": "test:\n\ttrue\n"}, "make"),
        ({"justfile": "test:\n  true\n"}, "just"),
    ],
)
def test_what_is_not_there_is_not_proposed_and_named(
    proposed: Proposed, files: dict[str, str], program: str
) -> None:
    found = proposed({**files, "GNUmakefile": "test:\n\tgo test\n"}, there=())

    assert found.checks == {}
    assert any(f"there is no {program} on the PATH" in reason for reason in found.reasons) or (
        "GNUmakefile" in found.reasons[0]
    )


def test_an_untracked_dotenv_is_copied_and_a_tracked_one_is_not(ground: "Ground") -> None:
    (ground.checkout / ".env").write_text("SECRET=1\n")
    (ground.checkout / ".env.example").write_text("SECRET=\n")
    ground.git("add", "--force", ".env.example")

    assert propose(ground.checkout).copy == [".env"]


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "[[[ not toml", "package.json": "[]"},
        {"pyproject.toml": "[dependency-groups]\na = 3\n", "package.json": '{"scripts": 3}'},
        {"pyproject.toml": "[dependency-groups]\na = [{include-group = 'a'}]\n"},
        {"setup.cfg": "no section", "tox.ini": "[tox\n", "package.json": "\xff"},
        {"requirements-dev.txt": "-r requirements-dev.txt\n", "Makefile": ":::\n\t\n"},
    ],
)  # fmt: skip
def test_a_checkout_that_says_nothing_of_use_gets_no_proposal(
    ground: "Ground", proposed: Proposed, files: dict[str, str]
) -> None:
    shutil.rmtree(ground.checkout / "src")

    assert proposed(files).checks == {}


def test_files_of_any_name_and_kind_are_borne(ground: "Ground", proposed: Proposed) -> None:
    (ground.checkout / "tests").mkdir()
    (ground.checkout / "tests" / "test_\udcff\n.py").symlink_to("nowhere")
    (ground.checkout / "pyproject.toml").mkdir()
    Path(ground.checkout / "package.json").symlink_to("package.json")

    assert "test" in proposed({}).checks
