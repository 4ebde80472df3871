-- Where the person stood who made an assignment; what of a workspace no commit holds, and what
-- could not be gathered; a run whose agent is done and whose last steps are to be tried again.

alter table assignment add column from_commit text;
alter table assignment add column from_branch text;
-- What was kept of its workspaces when they were removed: a JSON list.
alter table assignment add column kept text not null default '[]';

alter table job add column finishes integer references run (id);
create index job_by_finishes on job (finishes) where finishes is not null;

create table new_evidence (
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

insert into new_evidence (id, run_id, assignment_id, kind, name, tree, commit_id, ok, command,
                          exit_code, duration_ms, path, sha256, bytes, tail, created_at)
select id, run_id, assignment_id, kind, name, tree, commit_id, ok, command,
       exit_code, duration_ms, path, sha256, bytes, tail, created_at
  from evidence;

drop table evidence;
alter table new_evidence rename to evidence;

create index evidence_by_assignment on evidence (assignment_id, id);
create index evidence_by_run on evidence (run_id, id);
