"""What is installed is what is promised."""

from tests.e2e_cli.clis import Cli

from wfd_runners import harnesses


def test_the_newest_version_that_was_tried_is_the_one_that_is_tried_here(cli: Cli) -> None:
    assert harnesses()[cli.name].tried[-1] == cli.version
