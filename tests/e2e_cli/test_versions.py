"""What is installed is what is promised, and a CLI that is too old says so in one sentence."""

from typing import TYPE_CHECKING

from tests.e2e_cli.clis import Cli

from wfd_runners import harnesses

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

UNKNOWN = "--not-known-to-you"


def test_the_newest_version_that_was_tried_is_the_one_that_is_tried_here(cli: Cli) -> None:
    assert harnesses()[cli.name].tried[-1] == cli.version


def test_a_flag_that_a_cli_does_not_know_is_named_to_a_person(stage: "Stage") -> None:
    older = stage.daemon.tmp / "older"
    older.write_text(f'#!/bin/sh\nexec {stage.cli.name} {UNKNOWN} "$@"\n')
    older.chmod(0o755)
    if stage.cli.name == "codex":  # takes it behind its command alone
        older.write_text(f'#!/bin/sh\nshift\nexec codex exec {UNKNOWN} "$@"\n')
    stage.tunes(binary=str(older))
    one = stage.begins()

    assert stage.ends(one) == "blocked"

    (run,) = stage.runs(one)
    assert run.outcome == "usage"
    assert run.message is not None
    assert UNKNOWN.removeprefix("--") in run.message
    assert len(run.message) < 200
    assert "\n" not in run.message
    assert stage.server.requests == []
