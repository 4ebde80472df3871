-- closed_before
-- The assignments that ended before a moment, the oldest first.
select id from assignment where closed_at < :before order by closed_at, id;

-- closing_of_run
-- When the assignment of a run ended; null while it is open.
select assignment.id as assignment_id, assignment.closed_at, run.state
  from run join assignment on assignment.id = run.assignment_id
 where run.id = :id;

-- prunable_assignment
-- No row back: it is open, or something that stays points at it, or a key of it is still good.
select a.id
  from assignment a
 where a.id = :id and a.closed_at < :before and a.is_set_up = 0
   and not exists (select 1 from lane where assignment_id = a.id and is_set_up = 1)
   and not exists (select 1 from job where assignment_id = a.id
                      and state in ('queued', 'waiting', 'running'))
   and not exists (select 1 from run where assignment_id = a.id and state = 'running')
   and not exists (select 1 from job mine
                     join dependency d on d.needs_job_id = mine.id
                     join job other on other.id = d.job_id
                    where mine.assignment_id = a.id
                      and other.state in ('queued', 'waiting', 'running'))
   and not exists (select 1 from job mine join job other on other.retry_of = mine.id
                    where mine.assignment_id = a.id and other.assignment_id <> a.id)
   and (a.closed_at < :keys_before
        or not exists (select 1 from job where assignment_id = a.id
                          and idempotency_key is not null));

-- forget_evidence
delete from evidence
 where id in (select id from evidence where assignment_id = :id limit :limit);

-- forget_notes
delete from note where id in (select id from note where assignment_id = :id limit :limit);

-- forget_questions
delete from question
 where id in (select id from question where assignment_id = :id limit :limit);

-- loosen_questions_of_jobs
-- Those about an AI belong to no assignment, and stay.
update question set job_id = null
 where id in (select question.id from job join question on question.job_id = job.id
               where job.assignment_id = :id limit :limit);

-- loosen_questions_of_runs
update question set run_id = null
 where id in (select question.id from run join question on question.run_id = run.id
               where run.assignment_id = :id limit :limit);

-- forget_needs
delete from dependency
 where (job_id, needs_job_id) in (select d.job_id, d.needs_job_id
                                    from job join dependency d on d.job_id = job.id
                                   where job.assignment_id = :id limit :limit);

-- forget_needed
-- By jobs of others, which have ended too.
delete from dependency
 where (job_id, needs_job_id) in (select d.job_id, d.needs_job_id
                                    from job join dependency d on d.needs_job_id = job.id
                                   where job.assignment_id = :id limit :limit);

-- loosen_jobs
-- Jobs and decisions point at each other.
update job set decision_id = null, retry_of = null, finishes = null
 where id in (select id from job
               where assignment_id = :id
                 and (decision_id is not null or retry_of is not null or finishes is not null) limit :limit);

-- forget_decisions
delete from decision
 where id in (select id from decision where assignment_id = :id limit :limit);

-- loosen_holds
update hold set run_id = null
 where id in (select hold.id from run join hold on hold.run_id = run.id
               where run.assignment_id = :id limit :limit);

-- forget_runs
delete from run where id in (select id from run where assignment_id = :id limit :limit);

-- forget_jobs
delete from job where id in (select id from job where assignment_id = :id limit :limit);

-- forget_lanes
delete from lane
 where (assignment_id, name) in (select assignment_id, name from lane
                                  where assignment_id = :id limit :limit);

-- forget_assignment
delete from assignment where id = :id and :limit > 0;

-- last_of_events
select max(seq) as seq
  from (select seq from event where seq > :after order by seq limit :limit);

-- forget_events
-- Of assignments that are gone, as far as every follower has come.
delete from event
 where seq > :after and seq <= :upto and assignment_id is not null
   and not exists (select 1 from assignment where id = event.assignment_id)
   and seq <= (select coalesce(min(seq), :upto) from follower);
