"""What may be forgotten, and what must stay."""

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands.prune import KEYS_STAY_MS, MAX_EVENTS, MAX_ROWS
from wfd.domain.outcome import Kind

DAY_MS = 86_400_000
TABLES = ("assignment", "job", "run", "decision", "evidence", "note", "question", "dependency")


def ended(ground: Ground, **values: str) -> int:
    """An assignment with rows of all sorts that has been cancelled."""
    of = ground.create(type="implement", context="x", **values)
    (lease,) = ground.take().leases
    end(ground, lease.run, Kind.FAILED)
    ground.send("note", assignment=of, text="a note")
    job = ground.insert(of)
    sql(ground, f"insert into dependency values ({job}, {lease.job.id}, 'wait')")
    sql(ground, (
        "insert into evidence (run_id, assignment_id, kind, name, ok, tail, created_at)"
        f" values ({lease.run.id}, {of}, 'check', 'test', 1, '', 0)"
    ))  # fmt: skip
    sql(ground, (
        "insert into question (assignment_id, job_id, run_id, kind, by, text, state, created_at)"
        f" values ({of}, {job}, {lease.run.id}, 'question', 'pm', '?', 'open', 0)"
    ))  # fmt: skip
    sql(ground, (
        "insert into hold (account, until, is_reset_known, reason, run_id, created_at)"
        f" values ('h{of}', 0, 0, 'x', {lease.run.id}, 0)"
    ))  # fmt: skip
    ground.send("update_assignment", assignment=of, status="cancelled")
    return of


def sql(ground: Ground, statement: str) -> list[tuple[object, ...]]:
    return ground.connection.execute(statement).fetchall()


def rows(ground: Ground, of: int) -> dict[str, int]:
    """How many rows of each table belong to an assignment."""
    keys = {
        "assignment": "id = {0}",
        "dependency": "job_id in (select id from job where assignment_id = {0})",
    }
    counts = {}
    for table in TABLES:
        where = keys.get(table, "assignment_id = {0}").format(of)
        counts[table] = int(str(sql(ground, f"select count(*) from {table} where {where}")[0][0]))
    return counts


def prune(ground: Ground, of: int, before: int | None = None) -> dict[str, object]:
    """Ask until all of it is gone; the last answer, with the sum of the rows."""
    gone = 0
    for _ in range(100):
        values = {"assignment": of, "before": ground.now if before is None else before}
        answer = ground_send(ground, "prune_assignment", **values)
        gone += int(str(answer["rows"]))
        if answer["is_gone"] or answer["is_kept"]:
            return {**answer, "rows": gone}
    raise AssertionError("it never ends")


def ground_send(ground: Ground, command: str, **values: object) -> dict[str, object]:
    """A command of no namespace."""
    from wfd.commands.registry import COMMANDS
    from wfd.edge.door import checked

    known = COMMANDS[command]
    want = checked(known.wants, values)
    return ground.do(lambda tx: known.run(tx, lambda namespace: ground.settings.house, want))


def test_an_assignment_that_ended_long_ago_goes_with_all_its_rows_and_no_other(
    ground: Ground,
) -> None:
    old, other = ended(ground), ended(ground)
    assert all(rows(ground, old).values()), rows(ground, old)
    before = rows(ground, other)
    ground.now += DAY_MS

    answer = prune(ground, old)

    assert answer["is_gone"]
    assert not any(rows(ground, old).values())
    assert rows(ground, other) == before
    assert sql(ground, "pragma foreign_key_check") == []
    assert sql(ground, "select count(*) from hold") == [(2,)]


def test_a_question_about_an_ai_outlives_the_run_that_has_raised_it(ground: Ground) -> None:
    old = ended(ground)
    [[run, job]] = sql(ground, f"select id, job_id from run where assignment_id = {old}")
    sql(ground, (
        "insert into question (job_id, run_id, kind, by, text, state, created_at)"
        f" values ({job}, {run}, 'ai', 'policy', 'log in', 'open', 0)"
    ))  # fmt: skip
    ground.now += DAY_MS
    assert prune(ground, old)["is_gone"]
    assert sql(ground, "select job_id, run_id, state from question") == [(None, None, "open")]


def test_no_id_is_given_out_again_after_the_newest_is_forgotten(ground: Ground) -> None:
    old = ended(ground)
    last = max(job.id for job in ground.jobs(old))
    ground.now += DAY_MS
    prune(ground, old)
    new = ground.create()
    assert new > old
    assert min(job.id for job in ground.jobs(new)) > last


def test_what_is_open_or_has_ended_only_just_now_stays(ground: Ground) -> None:
    open_, just_now = ground.create(), ended(ground)
    ground.now += DAY_MS
    for of in (open_, just_now):
        before = rows(ground, of)
        assert prune(ground, of, before=ground.now - 2 * DAY_MS)["is_kept"]
        assert rows(ground, of) == before
    assert prune(ground, open_)["is_kept"]


@pytest.mark.parametrize(
    "needed",
    [
        "update assignment set is_set_up = 1 where id = {old}",
        "insert into lane (assignment_id, name, state, is_set_up, created_at, closed_at)"
        " values ({old}, 'docs', 'merged', 1, 0, 0)",
        "insert into dependency values ({open_job}, {old_job}, 'wait')",
        "update job set retry_of = {old_job} where id = {open_job}",
    ],
    ids=["workspace", "workspace of a lane", "needed by an open job", "retried elsewhere"],
)
def test_what_something_still_points_at_stays(ground: Ground, needed: str) -> None:
    old = ended(ground)
    other = ground.create()
    old_job, open_job = ground.jobs(old)[0].id, ground.jobs(other)[0].id
    sql(ground, needed.format(old=old, old_job=old_job, open_job=open_job))
    ground.now += DAY_MS
    before = rows(ground, old)
    assert prune(ground, old)["is_kept"]
    assert rows(ground, old) == before


def test_a_run_that_is_still_being_ended_keeps_its_assignment(ground: Ground) -> None:
    of = ground.create(type="implement", context="x")
    ground.take()
    ground.send("update_assignment", assignment=of, status="cancelled")
    ground.now += DAY_MS
    assert prune(ground, of)["is_kept"]


def test_a_key_makes_nothing_twice_for_thirty_days_whatever_is_pruned(ground: Ground) -> None:
    old = ended(ground, key="nightly")
    ground.now += KEYS_STAY_MS - 1
    assert prune(ground, old)["is_kept"]
    assert ground.create(key="nightly", type="implement", context="x") == old
    ground.now += 2
    assert prune(ground, old)["is_gone"]


def test_what_was_spent_on_a_day_stays(ground: Ground) -> None:
    old = ended(ground)
    spent = sql(ground, "select * from spend")
    assert spent
    ground.now += DAY_MS
    assert prune(ground, old)["is_gone"]
    assert sql(ground, "select * from spend") == spent


def test_a_long_assignment_goes_in_steps_of_which_none_takes_long(ground: Ground) -> None:
    old = ended(ground)
    ground.connection.execute("begin")
    for number in range(2 * MAX_ROWS):
        sql(ground, (
            "insert into note (assignment_id, text, created_at)"
            f" values ({old}, 'n{number}', 0)"
        ))  # fmt: skip
    ground.connection.execute("commit")
    ground.now += DAY_MS
    answers: list[dict[str, object]] = []
    while not answers or not answers[-1]["is_gone"]:
        answers.append(ground_send(ground, "prune_assignment", assignment=old, before=ground.now))
    assert [int(str(answer["rows"])) <= MAX_ROWS for answer in answers] == [True] * 3
    assert not any(rows(ground, old).values())


def test_events_of_what_is_gone_go_and_those_that_nobody_was_told_yet_stay(
    ground: Ground,
) -> None:
    old, kept = ended(ground), ended(ground)
    middle = events(ground, old)[2]
    sql(ground, f"insert into follower (name, seq) values ('chat', {middle})")
    of_kept = events(ground, kept)
    ground.now += DAY_MS
    prune(ground, old)

    assert ground_send(ground, "prune_events", after=0)["rows"] == 3
    assert min(events(ground, old)) == middle + 1
    assert events(ground, kept) == of_kept

    sql(ground, "delete from follower")
    after: object = 0
    while after is not None:
        after = ground_send(ground, "prune_events", after=after)["next"]
    assert events(ground, old) == []
    assert events(ground, kept) == of_kept


def events(ground: Ground, of: int) -> list[int]:
    found = sql(ground, f"select seq from event where assignment_id = {of} order by seq")
    return [int(str(row[0])) for row in found]


def test_many_events_are_looked_at_in_steps(ground: Ground) -> None:
    ground.connection.execute("begin")
    for _ in range(MAX_EVENTS + 10):
        sql(ground, "insert into event (at, kind, assignment_id, data) values (0, 'x', 99, '{}')")
    ground.connection.execute("commit")
    first = ground_send(ground, "prune_events", after=0)
    assert int(str(first["rows"])) <= MAX_EVENTS
    second = ground_send(ground, "prune_events", after=first["next"])
    assert int(str(first["rows"])) + int(str(second["rows"])) == MAX_EVENTS + 10
    third = ground_send(ground, "prune_events", after=second["next"])
    assert third == {"rows": 0, "next": None}


def test_forgetting_does_not_look_at_all_the_rows_that_stay(ground: Ground) -> None:
    """A table that points at another without an index would be walked for each row that goes."""
    plans = []
    for table, column in (
        ("job", "retry_of"), ("job", "decision_id"), ("decision", "run_id"),
        ("decision", "job_id"), ("hold", "run_id"), ("question", "job_id"),
        ("question", "run_id"), ("evidence", "run_id"), ("dependency", "needs_job_id"),
        ("run", "job_id"),
    ):  # fmt: skip
        plan = sql(ground, f"explain query plan select 1 from {table} where {column} = 1")
        plans.append(str(plan[0][3]))
    assert [plan for plan in plans if not plan.startswith("SEARCH")] == []
