"""A daemon to be killed and stopped at will, and nothing of it left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemon_process import Daemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    made = Daemon(tmp_path, monkeypatch)
    yield made
    made.end()
