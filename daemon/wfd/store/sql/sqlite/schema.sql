create table namespace (
    id integer primary key autoincrement,
    name text not null unique check (name <> ''),
    git_dir text not null unique,
    checkout text not null,
    trusted_hash text,
    last_turn integer not null default 0,
    running integer not null default 0 check (running >= 0),
    created_at integer not null
) strict;

create table assignment (
    id integer primary key autoincrement,
    namespace_id integer not null references namespace (id),
    north_star text not null check (north_star <> ''),
    state text not null
        check (state in ('active', 'paused', 'blocked', 'complete', 'cancelled')),
    reason text check (state not in ('paused', 'blocked') or reason is not null),
    base_commit text,
    base_tree text,
    head_commit text,
    head_tree text,
    is_set_up integer not null default 0 check (is_set_up in (0, 1)),
    jobs integer not null default 0,
    cost_usd real,
    unmeasured integer not null default 0,
    wall_ms integer not null default 0,
    created_at integer not null,
    closed_at integer check ((closed_at is not null) = (state in ('complete', 'cancelled'))),
    tokens integer,
    pm_cost_usd real,
    pm_tokens integer,
    pm_wall_ms integer not null default 0,
    allowance text not null default '{}',
    resumes_at integer check (resumes_at is null or state = 'paused'),
    from_commit text,
    from_branch text,
    kept text not null default '[]'
) strict;

create index assignment_by_namespace on assignment (namespace_id, id);
create index assignment_resuming on assignment (resumes_at) where resumes_at is not null;
create index assignment_with_workspace on assignment (id)
    where state in ('complete', 'cancelled') and is_set_up = 1;
create index assignment_ended on assignment (closed_at, id) where closed_at is not null;

create table job (
    id integer primary key autoincrement,
    namespace_id integer not null references namespace (id),
    assignment_id integer not null references assignment (id),
    type text not null check (type <> ''),
    lane text not null,
    state text not null
        check (state in ('queued', 'waiting', 'running', 'done', 'failed', 'cancelled')),
    waits_for text
        check (waits_for in ('lane', 'time', 'assignment', 'ai', 'dependency', 'lock'))
        check ((waits_for is not null) = (state = 'waiting')),
    waits_on text check (waits_on is null or waits_for is not null),
    run_after integer check (waits_for is not 'time' or run_after is not null),
    priority integer not null default 0,
    harness text,
    needs text,
    locks text,
    merges text,
    context text not null,
    created_by text not null check (created_by in ('person', 'pm', 'policy')),
    decision_id integer references decision (id),
    retry_of integer references job (id),
    idempotency_key text,
    type_seq integer not null,
    attempts integer not null default 1,
    no_work integer not null default 0,
    transient integer not null default 0,
    lost integer not null default 0,
    interrupted integer not null default 0,
    rate_limited integer not null default 0,
    outcome text,
    resume_session text,
    answer text,
    created_at integer not null,
    closed_at integer
        check ((closed_at is not null) = (state in ('done', 'failed', 'cancelled'))),
    finishes integer references run (id)
) strict;

-- One running job per lane: the database itself says so.
create unique index job_running_in_lane on job (assignment_id, lane) where state = 'running';
create unique index job_by_key on job (namespace_id, idempotency_key)
    where idempotency_key is not null;
create index job_ready on job (namespace_id, priority desc, id) where state = 'queued';
create index job_due on job (run_after) where state = 'waiting' and waits_for = 'time';
create index job_open on job (assignment_id, id)
    where state in ('queued', 'waiting', 'running');
create index job_by_assignment on job (assignment_id, id);
create index job_parked_for_ai on job (waits_on, priority desc, id)
    where state = 'waiting' and waits_for = 'ai';
create index job_parked_for_lock on job (namespace_id, priority desc, id)
    where state = 'waiting' and waits_for = 'lock';
create index job_locking on job (namespace_id)
    where state = 'running' and locks is not null;
-- What points at a row that is to be forgotten is found without a look at all the others.
create index job_by_retry on job (retry_of) where retry_of is not null;
create index job_by_decision on job (decision_id) where decision_id is not null;
create index job_by_finishes on job (finishes) where finishes is not null;

create table run (
    id integer primary key autoincrement,
    job_id integer not null references job (id),
    assignment_id integer not null references assignment (id),
    namespace_id integer not null references namespace (id),
    state text not null check (state in ('running', 'closed')),
    worker text not null,
    harness text not null,
    ai text not null,
    lease_until integer not null,
    cancel_reason text,
    started_at integer not null,
    spawned_at integer,
    ended_at integer,
    pid integer,
    pid_start integer,
    boot_id text,
    session_id text,
    resumed text,
    prompt_hash text,
    cli_version text,
    model text,
    outcome text check ((outcome is not null) = (state = 'closed')),
    message text,
    reset_at integer,
    ended_by text,
    exit_code integer,
    cost_usd real,
    tokens_in integer,
    tokens_cached integer,
    tokens_out integer,
    turns integer,
    tools integer not null default 0,
    answer text,
    structured text,
    parent_commit text,
    parent_tree text,
    snapshot_commit text,
    snapshot_tree text,
    activity text check (activity is null or state = 'running'),
    retries integer not null default 0,
    account text,
    route text,
    containment text,
    by_hand text,
    is_probe integer not null default 0 check (is_probe in (0, 1))
) strict;

create index run_lease on run (lease_until) where state = 'running';
create index run_by_job on run (job_id, id);
create index run_by_assignment on run (assignment_id, id);

create table evidence (
    id integer primary key autoincrement,
    run_id integer not null references run (id),
    assignment_id integer not null references assignment (id),
    kind text not null
        check (kind in ('setup', 'baseline', 'check', 'diff', 'verdict', 'left_out', 'fault')),
    name text not null,
    tree text,
    commit_id text,
    ok integer not null check (ok in (0, 1)),
    command text,
    exit_code integer,
    duration_ms integer,
    path text,
    sha256 text,
    bytes integer,
    tail text not null,
    created_at integer not null
) strict;

create index evidence_by_assignment on evidence (assignment_id, id);
create index evidence_by_run on evidence (run_id, id);

create table decision (
    id integer primary key autoincrement,
    assignment_id integer not null references assignment (id),
    run_id integer references run (id),
    job_id integer references job (id),
    by text not null check (by in ('person', 'pm', 'policy')),
    kind text not null,
    reason text not null,
    inputs text not null,
    is_override integer not null default 0 check (is_override in (0, 1)),
    created_at integer not null
) strict;

create index decision_by_assignment on decision (assignment_id, id);
create index decision_by_run on decision (run_id) where run_id is not null;
create index decision_by_job on decision (job_id) where job_id is not null;

create table note (
    id integer primary key autoincrement,
    assignment_id integer not null references assignment (id),
    text text not null check (text <> ''),
    created_at integer not null
) strict;

create index note_by_assignment on note (assignment_id, id);

create table event (
    seq integer primary key autoincrement,
    at integer not null,
    kind text not null,
    namespace_id integer,
    assignment_id integer,
    job_id integer,
    run_id integer,
    data text not null
) strict;

create table ai (
    name text primary key check (name <> ''),
    definition text,
    labels text not null default '[]',
    is_enabled integer not null default 1 check (is_enabled in (0, 1)),
    failures integer not null default 0,
    broken_until integer,
    broken_reason text check ((broken_reason is null) = (broken_until is null)),
    probes integer not null default 0,
    last_used_at integer,
    created_at integer not null
) strict;

create table hold (
    id integer primary key autoincrement,
    account text not null check (account <> ''),
    until integer not null,
    is_reset_known integer not null check (is_reset_known in (0, 1)),
    reason text not null,
    probes integer not null default 0,
    run_id integer references run (id),
    created_at integer not null,
    lifted_at integer,
    lifted_by text
        check (lifted_by in ('clock', 'probe', 'person'))
        check ((lifted_by is null) = (lifted_at is null))
) strict;

create unique index hold_open on hold (account) where lifted_at is null;
create index hold_by_run on hold (run_id) where run_id is not null;

create table lane (
    assignment_id integer not null references assignment (id),
    name text not null check (name not in ('main', 'pm')),
    state text not null check (state in ('open', 'merged', 'abandoned')),
    base_commit text,
    base_tree text,
    head_commit text,
    head_tree text,
    is_set_up integer not null default 0 check (is_set_up in (0, 1)),
    created_at integer not null,
    closed_at integer check ((closed_at is null) = (state = 'open')),
    primary key (assignment_id, name)
) strict;

create index lane_with_workspace on lane (assignment_id, name)
    where state in ('merged', 'abandoned') and is_set_up = 1;

create table dependency (
    job_id integer not null references job (id),
    needs_job_id integer not null references job (id),
    on_failure text not null check (on_failure in ('wait', 'run', 'cancel')),
    primary key (job_id, needs_job_id),
    check (job_id <> needs_job_id)
) strict, without rowid;

create index dependency_by_need on dependency (needs_job_id, job_id);

create table question (
    id integer primary key autoincrement,
    namespace_id integer references namespace (id),
    assignment_id integer references assignment (id),
    job_id integer references job (id),
    run_id integer references run (id),
    kind text not null
        check (kind in ('question', 'approval', 'blocked', 'cap', 'dependency', 'ai')),
    by text not null check (by in ('pm', 'policy', 'agent')),
    text text not null check (text <> ''),
    options text not null default '[]',
    subject text,
    deadline integer,
    at_deadline text check ((at_deadline is null) = (deadline is null)),
    state text not null check (state in ('open', 'answered', 'expired', 'withdrawn')),
    answer text check (state <> 'answered' or answer is not null),
    created_at integer not null,
    closed_at integer check ((closed_at is null) = (state = 'open'))
) strict;

create index question_open on question (id) where state = 'open';
create index question_by_assignment on question (assignment_id, id);
create index question_by_job on question (job_id) where job_id is not null;
create index question_by_run on question (run_id) where run_id is not null;

create table spend (
    namespace_id integer not null references namespace (id),
    day integer not null,
    jobs integer not null default 0,
    cost_usd real,
    unmeasured integer not null default 0,
    tokens integer,
    wall_ms integer not null default 0,
    primary key (namespace_id, day)
) strict, without rowid;

create table follower (
    name text primary key check (name <> ''),
    seq integer not null,
    failures integer not null default 0,
    retry_at integer
) strict;
