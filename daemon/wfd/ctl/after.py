"""What a job comes after, as it is typed."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from wfd.domain import ids
from wfd.domain.dependency import OnFailure

Command = TypeVar("Command", bound=Callable[..., Any])


def many_jobs(text: str) -> tuple[int, ...]:
    """(3, 4) for "J3,J4"."""
    return tuple(ids.job_id(one.strip()) for one in text.split(",") if one.strip())


def if_failed_option(command: Command) -> Command:
    option = click.option(
        "--if-failed",
        type=click.Choice([one.value for one in OnFailure]),
        help="What happens when one of them fails: wait (the default), run, or cancel.",
    )
    return option(command)
