"""A check that cannot be run is told from one that is red, by what real programs say."""

import pytest

from wfd.rules.cannot_run import cannot_run, what_is_missing, why_not

UNABLE = {
    "dash": (127, "/bin/sh: 1: nonesuch: not found", "nonesuch"),
    "dash, a path": (127, "/bin/sh: 1: .venv/bin/pytest: not found", ".venv/bin/pytest"),
    "bash": (127, "/bin/sh: line 1: npm: command not found", "npm"),
    "busybox": (127, "sh: nonesuch: not found", "nonesuch"),
    "zsh": (127, "zsh:1: command not found: nonesuch", "nonesuch"),
    "not executable": (126, "/bin/sh: 1: ./run: Permission denied", "./run"),
    "bash, not executable": (126, "/bin/sh: line 1: ./run: Permission denied", "./run"),
    "env": (127, "env: \u2018node\u2019: No such file or directory", "node"),
    "env, plain": (127, "/usr/bin/env: 'node': No such file or directory", "node"),
    "interpreter": (
        126,
        "bash: ./run: /usr/bin/python9: bad interpreter: No such file or directory",
        "/usr/bin/python9",
    ),
    "npm": (127, "\n> a@1.0.0 test\n> jest\n\nsh: 1: jest: not found\n", "jest"),
    "make": (
        2,
        "pytest -q\nmake: pytest: No such file or directory\n"
        "make: *** [Makefile:2: test] Error 127\n",
        "pytest",
    ),
    "make with a shell": (
        2,
        "/bin/sh: 1: nonesuch: not found\nmake[1]: *** [Makefile:2: inner] Error 127\n"
        "make[1]: Leaving directory '/x'\nmake: *** [Makefile:5: test] Error 2\n",
        "nonesuch",
    ),
    "python -m": (1, "/usr/bin/python3: No module named pytest\n", "pytest"),
    "python -m of an environment": (
        1, "/w/.venv/bin/python: No module named 'nox'", "nox",
    ),
    "uv": (
        2,
        "error: Failed to spawn: `pytest`\n  Caused by: No such file or directory (os error 2)",
        "pytest",
    ),
    "poetry": (1, "Command not found: pytest", "pytest"),
    "a script deep inside": (127, "Testing\nscripts/test: 3: docker: not found\n", "docker"),
    "pnpm": (
        1,
        "> shop@1.0.0 test\n> vitest run\n\nsh: 1: vitest: not found\n\u2009ELIFECYCLE\u2009 Test"
        " failed. See above for more details.\n WARN  Local package.json exists\n",
        "vitest",
    ),
    "make, with nothing said": (2, "make: *** [Makefile:2: test] Error 127", None),
}  # fmt: skip
RED = {
    "a test that failed": (1, "1 failed, 3 passed"),
    "an import that failed": (
        1,
        "Traceback (most recent call last):\n  File \"a.py\"\n"
        "ModuleNotFoundError: No module named 'requests'",
    ),
    "a test about missing files": (1, "cat: nonesuch: No such file or directory\n1 failed"),
    "make": (2, "1 failed\nmake: *** [Makefile:2: test] Error 1"),
    "words of make in the middle": (
        1, "make: *** [Makefile:2: x] Error 127\nFAILED test_of_make - expected this\n1 failed",
    ),
    "no rule": (2, "make: *** No rule to make target 'test'.  Stop."),
    "as many failures as that": (127, "  127 failing\n\n  1) cart\n     AssertionError: odd"),
    "a code without a word": (126, ""),
    "pnpm": (1, "1 failed\n ELIFECYCLE  Test failed. See above for more details."),
    "ended by wfd": (None, "/bin/sh: 1: x: not found"),
    "by a signal": (-9, "Killed"),
    "green": (0, "make: *** [x] Error 127"),
}  # fmt: skip


@pytest.mark.parametrize("who", UNABLE)
def test_a_program_that_is_missing_is_named(who: str) -> None:
    exit_code, output, missing = UNABLE[who]

    assert cannot_run(exit_code, output)
    assert what_is_missing(output) == missing


@pytest.mark.parametrize("who", RED)
def test_a_check_that_ran_is_red_or_green_whatever_it_prints(who: str) -> None:
    exit_code, output = RED[who]

    assert not cannot_run(exit_code, output)


def test_the_sentence_names_the_check_the_program_and_the_code() -> None:
    assert why_not("check 'lint'", 127, "/bin/sh: 1: ruff: not found") == (
        "check 'lint' cannot run: 'ruff' is missing or may not be executed (exit 127)"
    )
    assert "a program that it needs" in why_not("check 'lint'", 2, "make: *** [x] Error 127")
