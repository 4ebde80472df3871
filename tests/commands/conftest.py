"""A store with two namespaces for each test of a command."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.ground import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    opened = Ground(tmp_path)
    yield opened
    opened.close()
