"""The structured log: JSON lines to a rotated file, and readable ones to stdout unless detached.

A library's words may hold what never enters a log: an HTTP client tells each address, which may be
a secret, and a database driver each value. So libraries are heard from warning on, whatever the
level is, and those who handle secrets not at all: what they fail at we tell in our own words.
"""

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog
from click import unstyle

from wfd.edge.log_lines import entry, shown

OURS = "wfd"  # the one logger that all our rooms write to
HANDLE_SECRETS = ("httpx", "httpcore", "apprise")

MAX_BYTES = 20 * 1024 * 1024
KEPT = 5


def configure(level: str, file: Path | None, *, to_stdout: bool) -> None:
    """Send the log of this process to where it is wanted."""
    handlers: list[logging.Handler] = []
    if file is not None:
        handlers.append(
            RotatingFileHandler(file, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8")
        )
    if to_stdout:
        handlers.append(logging.StreamHandler(sys.stdout))
    for handler in handlers:
        handler.setFormatter(_json_lines())
    if to_stdout:
        handlers[-1].setFormatter(_Readable(with_colour=_has_colour()))
    logging.raiseExceptions = False  # a full disk has no room to be told of, either
    logging.basicConfig(handlers=handlers, force=True)
    _set_levels(logging.getLevelNamesMapping()[level.upper()])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=lambda *_: logging.getLogger(OURS),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _set_levels(level: int) -> None:
    logging.getLogger(OURS).setLevel(level)
    logging.getLogger().setLevel(max(level, logging.WARNING))
    for name in HANDLE_SECRETS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class _Readable(logging.Formatter):
    """Lines for a person, as `wfctl logs` shows them."""

    def __init__(self, *, with_colour: bool) -> None:
        super().__init__()
        self._lines = _json_lines()
        self._with_colour = with_colour

    def format(self, record: logging.LogRecord) -> str:
        line = shown(entry(self._lines.format(record).encode()))
        return line if self._with_colour else unstyle(line)


def _has_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _json_lines() -> logging.Formatter:
    """One JSON document per line, whoever logs: a library's words and tracebacks as well."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
