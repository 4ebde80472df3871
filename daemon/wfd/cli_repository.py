"""wfd init and wfd trust: a repository becomes a namespace, and its configuration is accepted."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from wfd.adapters.place import Place
from wfd.domain.errors import NotFound


@dataclass(frozen=True)
class SetUp:
    namespace: str
    checkout: Path
    config_file: Path
    is_new: bool  # the namespace
    wrote_config: bool
    reasons: list[str]  # why the file proposes what it does
