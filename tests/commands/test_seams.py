"""Where two parts meet: what each does alone is tested elsewhere."""

import pytest
from tests.commands.test_locks import done, newest, own, take, waits
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.errors import NotAllowed
from wfd.domain.outcome import Kind

SRC = ("src/**",)


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
