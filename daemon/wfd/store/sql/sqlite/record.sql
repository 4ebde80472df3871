-- add_evidence
insert into evidence (run_id, assignment_id, kind, name, tree, commit_id, ok, command, exit_code,
                      duration_ms, path, sha256, bytes, tail, created_at)
values (:run_id, :assignment_id, :kind, :name, :tree, :commit_id, :ok, :command, :exit_code,
        :duration_ms, :path, :sha256, :bytes, :tail, :now);

-- evidence_of
select * from evidence where assignment_id = :assignment_id order by id;

-- evidence_of_job
select evidence.* from evidence join run on run.id = evidence.run_id
 where run.job_id = :job_id
 order by evidence.id;

-- add_decision
insert into decision (assignment_id, run_id, job_id, by, kind, reason, inputs, is_override,
                      created_at)
values (:assignment_id, :run_id, :job_id, :by, :kind, :reason, :inputs, :is_override, :now);

-- decisions_of
select * from decision where assignment_id = :assignment_id order by id;

-- decision_by_id
select * from decision where id = :id;

-- add_event
insert into event (at, kind, namespace_id, assignment_id, job_id, run_id, data)
values (:now, :kind, :namespace_id, :assignment_id, :job_id, :run_id, :data);

-- touch_store
-- Changes nothing, and yet writes a page: whether the store can be written.
update namespace set last_turn = last_turn where id = (select min(id) from namespace);

-- events_after
select * from event where seq > :seq order by seq limit :limit;
