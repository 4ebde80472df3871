"""Events as the CLIs print them, with one value in each that no CLI prints."""

import json
from collections.abc import Iterator

import pytest
from tests.runners.recordings import GOLDEN

from wfd.domain.outcome import EndedBy
from wfd.ports import End
from wfd_runners import harnesses

CLIS = sorted(path.name for path in GOLDEN.iterdir())
ODD: tuple[object, ...] = (None, True, -1, 1.5, "", "x", [], ["x"], {}, {"x": "x"})


def _events(cli: str) -> list[object]:
    """One event of each shape."""
    files = [path.read_bytes() for path in (GOLDEN / cli).glob("*.jsonl")]
    lines = [line for file in files for line in file.split(b"\n")]
    parsed = [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
    return list({_shape(event): event for event in parsed}.values())


def _shape(value: object) -> str:
    """Its keys and what kind of event it is, without what it says."""
    if isinstance(value, dict):
        kinds = [str(value.get(key)) for key in ("type", "subtype", "status")]
        return f"{kinds}{[(key, _shape(inner)) for key, inner in value.items()]}"
    if isinstance(value, list):
        return str(sorted({_shape(inner) for inner in value}))
    return ""


def _twisted(value: object) -> Iterator[object]:
    """The same with one value, at any depth, replaced by an odd one."""
    yield from ODD
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: other} for other in _twisted(inner))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in _twisted(inner))


@pytest.mark.parametrize("cli", CLIS)
def test_no_odd_value_in_an_event_makes_a_codec_raise(cli: str) -> None:
    codec = harnesses()[cli].codec()
    for event in _events(cli):
        for twisted in _twisted(event):
            codec.read(json.dumps(twisted).encode())
            codec.conclude(End(0, EndedBy.NONE, "", 0))
