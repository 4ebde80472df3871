"""The output of a command is printed while it comes, whole and once."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from wfd.edge import live_output
from wfd.edge.live_output import printed
from wfd.ports import Begun


async def test_output_that_ends_between_two_looks_is_printed_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_output, "_PAUSE_S", 0.0)  # a look is due whenever the command ends
    log = tmp_path / "a b.log"
    for number in range(50):
        async with printed("check", is_shown=True) as tell:
            assert tell is not None
            log.write_bytes(b"one \x1b[2J\r\n")
            await tell(Begun("check", "true", log))
            for _ in range(number % 5):
                await anyio.lowlevel.checkpoint()
            log.write_bytes(log.read_bytes() + b"tw\xc3\xb6")

    assert capsys.readouterr().out == "— check\none \\u001b[2J\ntw\u00f6\n" * 50


async def test_a_command_without_output_of_its_own_is_borne(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with printed("check\nx", is_shown=True) as tell:
        assert tell is not None
        await tell(Begun("check", "rm it", tmp_path / "gone.log"))
    async with printed("unseen", is_shown=False) as tell:
        assert tell is None

    assert "unseen" not in capsys.readouterr().out
