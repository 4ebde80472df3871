"""Where two parts meet: what each does alone is tested elsewhere."""

import pytest
from tests.commands.test_locks import done, newest, own, take, waits
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.errors import BadInput, NotAllowed
from wfd.domain.outcome import Kind
from wfd.domain.question import ToldQuestion

SRC, DOCS = ("src/**",), ("docs/**",)
ASKS = """I need to know.
```json wfd-question
{{"question": "{0}"}}
```"""


def failed_in_lane(ground: Ground) -> int:
    ground.create("one")
    first = own(ground, *SRC)
    end(ground, take(ground)[first].run, Kind.FAILED)
    return first


def test_a_lane_is_tried_again_by_one_job_at_a_time_or_cancelling_one_would_strand_the_other(
    ground: Ground,
) -> None:
    first = failed_in_lane(ground)
    again = ground.send("retry_job", job=first)["job"]
    with pytest.raises(NotAllowed, match=f"J{again} .implement, queued. works in its lane already"):
        ground.send("retry_job", job=first)


def test_what_is_being_merged_is_not_tried_again_beside_it(ground: Ground) -> None:
    ground.create("one")
    first = own(ground, *SRC)
    done(ground, take(ground)[first])
    merge = newest(ground)
    with pytest.raises(NotAllowed, match=f"J{merge.id} .merge, queued. works in its lane already"):
        ground.send("retry_job", job=first)


def test_a_job_that_waits_for_a_hand_is_not_sent_out_and_back_at_every_look(
    ground: Ground,
) -> None:
    ground.create("one")
    job = ground.insert(1, harness="hand")
    ground.take()
    assert waits(ground, job) == ("waiting", "ai", "hand")
    before = ground.connection.execute("select max(seq) from event").fetchone()
    for _ in range(3):
        ground.now += 60_000
        ground.take(room=3)
    assert ground.connection.execute("select max(seq) from event").fetchone() == before
    assert waits(ground, job) == ("waiting", "ai", "hand")


def test_two_lanes_that_ask_are_both_answered_before_it_goes_on(ground: Ground) -> None:
    one = ground.create("one")
    first, second = own(ground, *SRC), own(ground, *DOCS)
    leases = take(ground)
    end(ground, leases[first].run, Kind.SUCCEEDED, text=ASKS.format("Which A?"))
    end(ground, leases[second].run, Kind.SUCCEEDED, text=ASKS.format("Which B?"))
    with pytest.raises(BadInput, match="A1 asks 2 questions: Q1, Q2; name one of them"):
        ground.send("answer", assignment=1, text="the left one")
    assert ground.send("answer", question=1, text="the left one")["state"] == "blocked"
    assert take(ground) == {}
    assert ground.send("answer", question=2, text="both")["state"] == "active"
    assert [lease.job.type for lease in take(ground).values()] == ["pm"], "one, who hears both"
    told = ground.do(lambda tx: tx.all(ToldQuestion, "told_questions_of", assignment_id=one))
    assert [(asked.text, asked.answer) for asked in told] == [
        ("Which A?", "the left one"), ("Which B?", "both")
    ]  # fmt: skip
