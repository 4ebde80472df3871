"""Every recording of every CLI comes to what it meant.

The kinds stand in `golden/<cli>/meant.yaml`, decided by reading each recording and how it was
made. The files `<case>.expected.json` hold the details; `UPDATE_GOLDEN=1` rewrites them, and
the diff is read.
"""

import json
import os
from dataclasses import asdict
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runners.recordings import GOLDEN, NOW, Recording, conclude, meant, recorded

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import Finished, LimitSeen, Retrying, SessionStarted, Signal
from wfd.ports import End
from wfd_runners import harnesses

CLIS = sorted(path.name for path in GOLDEN.iterdir())
MEANT = {recording: kind for cli in CLIS for recording, kind in meant(cli).kinds.items()}
CUT_SHORT = [recording for cli in CLIS for recording in meant(cli).cut_short]
PRINTED = [recording for recording in MEANT if recording.transcript.exists()]

FAILURES = {Kind.AUTH, Kind.RATE_LIMITED, Kind.TRANSIENT, Kind.USAGE, Kind.POISONED, Kind.FAILED}

ENDED_BY_US = {
    EndedBy.STOP: Kind.INTERRUPTED,
    EndedBy.CANCEL: Kind.CANCELLED,
    EndedBy.TIMEOUT: Kind.TIMED_OUT,
    EndedBy.STALL: Kind.STALLED,
    EndedBy.STARTUP: Kind.STALLED,
    EndedBy.LIMIT: Kind.FAILED,
    EndedBy.BUDGET: Kind.INTERRUPTED,
}


@pytest.mark.parametrize("recording", PRINTED, ids=str)
def test_what_was_told_while_it_ran_is_never_more_than_what_is_concluded(
    recording: Recording,
) -> None:
    lines = recording.lines()
    codec, told = harnesses()[recording.cli].codec(), 0
    for line in lines:
        codec.read(line)
        now = codec.tokens or 0
        assert now >= told, "it only grows"
        told = now
        concluded = codec.conclude(End(None, EndedBy.BUDGET, "", NOW)).usage.tokens
        assert now <= (concluded or 0)


def _details(signals: list[Signal], conclusion: Conclusion) -> dict[str, object]:
    names = (type(signal).__name__ for signal in signals)
    counted = [(name, len(list(same))) for name, same in groupby(names)]
    facts = (SessionStarted, Retrying, LimitSeen, Finished)
    return {
        "signals": [name if n == 1 else f"{name} x{n}" for name, n in counted],
        "facts": [[type(s).__name__, asdict(s)] for s in signals if isinstance(s, facts)],
        "conclusion": asdict(conclusion),
    }


def _has_an_end(recording: Recording) -> bool:
    return any(isinstance(signal, Finished) for signal in recording.read()[0])


def test_every_harness_that_runs_a_cli_has_recordings() -> None:
    assert {name for name, harness in harnesses().items() if harness.binary} == set(CLIS)


@pytest.mark.parametrize("cli", CLIS)
def test_every_recording_has_a_meaning(cli: str) -> None:
    assert set(meant(cli).kinds) == recorded(cli)
    assert set(meant(cli).cut_short) <= recorded(cli)


@pytest.mark.parametrize("recording", MEANT, ids=str)
def test_a_recording_comes_to_what_it_meant(recording: Recording) -> None:
    signals, conclusion = recording.read()
    assert conclusion.outcome.kind is MEANT[recording]
    details = json.loads(json.dumps(_details(signals, conclusion)))
    if os.environ.get("UPDATE_GOLDEN"):
        recording.expected.write_text(json.dumps(details, indent=1, ensure_ascii=False) + "\n")
    assert details == json.loads(recording.expected.read_bytes())


@pytest.mark.parametrize("recording", CUT_SHORT, ids=str)
@pytest.mark.parametrize(("ended_by", "kind"), ENDED_BY_US.items())
def test_a_run_that_we_cut_short_is_called_by_our_reason(
    recording: Recording, ended_by: EndedBy, kind: Kind
) -> None:
    assert recording.read(ended_by)[1].outcome.kind is kind


@pytest.mark.parametrize("recording", [r for r in PRINTED if r not in CUT_SHORT], ids=str)
def test_a_result_that_came_before_we_ended_the_run_stands(recording: Recording) -> None:
    kind = recording.read(EndedBy.STALL)[1].outcome.kind
    if _has_an_end(recording):
        assert kind is MEANT[recording]
    else:  # one that told of a failure and then hung there has failed of that
        assert kind in (MEANT[recording], Kind.STALLED)


# --- recordings that were damaged ---------------------------------------------


def _succeeds_only_by_a_result(cli: str, lines: list[bytes], exit_code: int | None) -> None:
    signals, conclusion = conclude(cli, lines, exit_code)
    ends = [signal for signal in signals if isinstance(signal, Finished)]
    if conclusion.outcome.kind is Kind.SUCCEEDED:
        assert any(end.ok for end in ends)
    if not ends:  # the CLI may have told of a failure by then
        assert conclusion.outcome.kind in {Kind.PROTOCOL} | FAILURES


@pytest.mark.parametrize("recording", PRINTED, ids=str)
def test_a_recording_cut_at_any_line_succeeds_only_by_its_result(recording: Recording) -> None:
    lines = recording.lines()
    for n in range(len(lines) + 1):
        _succeeds_only_by_a_result(recording.cli, lines[:n], 0)


@pytest.mark.parametrize("recording", PRINTED, ids=str)
def test_a_recording_read_backwards_succeeds_only_by_its_result(recording: Recording) -> None:
    _succeeds_only_by_a_result(recording.cli, recording.lines()[::-1], None)


@given(recording=st.sampled_from(PRINTED), data=st.data())
def test_a_recording_cut_at_any_byte_succeeds_only_by_its_result(
    recording: Recording, data: st.DataObject
) -> None:
    whole = b"\n".join(recording.lines())
    end = data.draw(st.integers(0, len(whole)))
    _succeeds_only_by_a_result(recording.cli, whole[:end].split(b"\n"), 0)


@given(recording=st.sampled_from(PRINTED), data=st.data())
def test_a_recording_with_flipped_bytes_succeeds_only_by_its_result(
    recording: Recording, data: st.DataObject
) -> None:
    whole = bytearray(b"\n".join(recording.lines()))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=20)):
        whole[at] ^= data.draw(st.integers(1, 255))
    _succeeds_only_by_a_result(recording.cli, bytes(whole).split(b"\n"), 0)
