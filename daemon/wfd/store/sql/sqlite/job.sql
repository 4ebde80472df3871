-- add_job
insert into job (namespace_id, assignment_id, type, lane, state, waits_for, run_after, priority,
                 harness, needs, locks, merges, context, created_by, decision_id, retry_of,
                 idempotency_key, type_seq, attempts, no_work, resume_session, created_at)
values (:namespace_id, :assignment_id, :type, :lane, :state, :waits_for, :run_after, :priority,
        :harness, :needs, :locks, :merges, :context, :created_by, :decision_id, :retry_of, :key,
        (select count(*) + 1 from job where assignment_id = :assignment_id and type = :type),
        :attempts, :no_work, :resume_session, :now);

-- job_by_id
select * from job where id = :id;

-- state_of_job
select state from job where id = :id;

-- job_by_key
select * from job where namespace_id = :namespace_id and idempotency_key = :key;

-- jobs_of
select * from job where assignment_id = :assignment_id order by id;

-- open_jobs_of
select * from job
 where assignment_id = :assignment_id and state in ('queued', 'waiting', 'running')
 order by id;

-- in_some_line
-- An open job that does not wait for a dependency.
select id from job
 where assignment_id = :assignment_id and state in ('queued', 'waiting', 'running')
   and waits_for is not 'dependency'
 limit 1;

-- head_of
-- The job whose turn it is in a line of an assignment: it keeps its place while it waits. The
-- lanes main and pm are one line, and one that waits for a dependency stands in none.
select * from job
 where assignment_id = :assignment_id and state in ('queued', 'waiting', 'running')
   and (waits_for is null or waits_for not in ('lane', 'dependency'))
   and (lane = :lane or (:lane = 'main' and lane = 'pm'))
 order by id
 limit 1;

-- whose_turn
-- The head of a line, or else the next in it: a merge that is due goes first, then a PM job, before
-- all that was inserted meanwhile. The open states are named for the index job_open: the closed
-- jobs of a long assignment are not looked at.
select job.id, job.namespace_id, job.assignment_id, job.type, job.state, job.waits_for,
       job.run_after, job.lane, job.outcome, job.merges, job.finishes,
       assignment.state as assignment_state
  from job join assignment on assignment.id = job.assignment_id
 where job.assignment_id = :assignment_id and job.state in ('queued', 'waiting', 'running')
   and job.waits_for is not 'dependency'
   and (job.lane = :lane or (:lane = 'main' and job.lane = 'pm'))
 order by waits_for is 'lane', merges is not null desc, lane = 'pm' desc, priority desc, job.id
 limit 1;

-- waiting_pm
-- A PM job that has yet to begin decides on all that is so by then.
select id from job
 where assignment_id = :assignment_id and state in ('queued', 'waiting', 'running')
   and state <> 'running' and type = 'pm'
 order by id
 limit 1;

-- take_job
-- The ready job of a namespace that goes first.
update job
   set state = 'running'
 where id = (select id from job
              where namespace_id = :namespace_id and state = 'queued'
              order by priority desc, id
              limit 1)
returning *;

-- waiting_to_claim
-- What no agent of the daemon's is to do. One whose assignment stands still is not to be claimed.
select job.* from job join assignment on assignment.id = job.assignment_id
 where job.state = 'waiting' and job.waits_for = 'ai' and job.waits_on = 'hand'
   and job.namespace_id = :namespace_id and job.type <> 'pm'
   and (:type is null or job.type = :type) and assignment.state = 'active'
 order by job.priority desc, job.id
 limit 1;

-- ready_to_claim
-- What a worker would take first, without what only the daemon may do.
select * from job
 where namespace_id = :namespace_id and state = 'queued' and type not in ('pm', 'merge')
   and finishes is null
   and (:type is null or type = :type)
 order by priority desc, id
 limit 1;

-- take_this_job
update job set state = 'running' where id = :id and state = 'queued' returning *;

-- due_jobs
select * from job
 where state = 'waiting' and waits_for = 'time' and run_after <= :now
 order by run_after
 limit 100;

-- next_due
select min(run_after) as run_after from job where state = 'waiting' and waits_for = 'time';

-- move_job
update job
   set state = :state, waits_for = :waits_for, waits_on = :waits_on
 where id = :id and state = :was;

-- name_lane
-- A job that has a lane of its own gives it its name.
update job set lane = 'J' || id where id = :id;

-- note_wait
-- It waits on for the same, which by now is somebody else.
update job set waits_on = :waits_on where id = :id and state = 'waiting';

-- parked_job
select job.id, job.namespace_id, job.assignment_id, job.type, job.state, job.waits_for,
       job.run_after, job.lane, job.outcome, job.merges, job.finishes,
       assignment.state as assignment_state
  from job join assignment on assignment.id = job.assignment_id
 where job.id = :id and job.state = 'waiting' and job.waits_for in ('ai', 'lock');

-- forget_session
update job set resume_session = null where id = :id;

-- parked_for_lock
select * from job
 where namespace_id = :namespace_id and state = 'waiting' and waits_for = 'lock'
 order by priority desc, id
 limit :limit;

-- running_with_locks
select * from job
 where namespace_id = :namespace_id and state = 'running' and locks is not null
 order by id;

-- begun_jobs_of
-- Open jobs that may have changed something already, and merges that are due.
select * from job
 where assignment_id = :assignment_id and state in ('queued', 'waiting', 'running')
   and type <> 'pm' and (state = 'running' or outcome is not null or merges is not null)
 order by id;

-- put_back_job
-- Its run is over and it is to be tried again: at a time, or when one of these AIs may take it.
update job
   set state = 'waiting', waits_for = case when :waits_on is null then 'time' else 'ai' end,
       waits_on = :waits_on, run_after = coalesce(:run_after, :now),
       outcome = :outcome,
       resume_session = :resume_session, answer = :answer, finishes = :finishes,
       attempts = attempts + (:counter is 'attempts'),
       no_work = no_work + (:counter is 'no_work'),
       transient = transient + (:counter is 'transient'),
       lost = lost + (:counter is 'lost'),
       interrupted = interrupted + (:counter is 'interrupted'),
       rate_limited = rate_limited + (:counter is 'rate_limited')
 where id = :id and state = 'running';

-- close_job
update job
   set state = :state, waits_for = null, waits_on = null, outcome = :outcome, answer = :answer,
       closed_at = :now, finishes = null,
       no_work = no_work + (:counter is 'no_work')
 where id = :id and state = :was;
