-- assignments_in
-- null for a namespace or a state is every one.
select a.*, n.name as namespace,
       (select count(*) from job j
         where j.assignment_id = a.id and j.state in ('queued', 'waiting', 'running')) as open_jobs
  from assignment a
  join namespace n on n.id = a.namespace_id
 where (:namespace_id is null or a.namespace_id = :namespace_id)
   and (:state is null or a.state = :state)
 order by a.id desc
 limit :limit;

-- queue_running
select j.*, n.name as namespace, a.state as assignment_state, a.reason as assignment_reason,
       a.resumes_at as assignment_resumes_at, r.id as run_id, r.started_at as run_started_at,
       r.harness as run_harness, r.ai as run_ai, r.activity as run_activity,
       r.activity_since as run_activity_since,
       r.by_hand as run_by_hand, null as question_id
  from job j
  join namespace n on n.id = j.namespace_id
  join assignment a on a.id = j.assignment_id
  left join run r on r.job_id = j.id and r.state = 'running'
 where j.state = 'running' and (:namespace_id is null or j.namespace_id = :namespace_id)
 order by r.started_at, j.id
 limit :limit;

-- queue_ready
-- In the order in which a worker takes them, and so in the order of the index job_ready.
select j.*, n.name as namespace, a.state as assignment_state, a.reason as assignment_reason,
       a.resumes_at as assignment_resumes_at, null as run_id, null as run_started_at,
       null as run_harness, null as run_ai, null as run_activity,
       null as run_activity_since, null as run_by_hand,
       null as question_id
  from job j
  join namespace n on n.id = j.namespace_id
  join assignment a on a.id = j.assignment_id
 where j.state = 'queued' and j.namespace_id = :namespace_id
 order by j.priority desc, j.id
 limit :limit;

-- queue_waiting
-- By assignment, as the index job_open has them: a long backlog is not sorted for a short list.
select j.*, n.name as namespace, a.state as assignment_state, a.reason as assignment_reason,
       a.resumes_at as assignment_resumes_at, null as run_id, null as run_started_at,
       null as run_harness, null as run_ai, null as run_activity,
       null as run_activity_since, null as run_by_hand,
       (select max(q.id) from question q
         where q.assignment_id = a.id and q.state = 'open') as question_id
  from job j
  join namespace n on n.id = j.namespace_id
  join assignment a on a.id = j.assignment_id
 where j.state in ('queued', 'waiting', 'running') and j.state = 'waiting'
   and (:namespace_id is null or j.namespace_id = :namespace_id)
 order by j.assignment_id, j.id
 limit :limit;

-- jobs_in
select j.*, n.name as namespace
  from job j
  join namespace n on n.id = j.namespace_id
 where (:namespace_id is null or j.namespace_id = :namespace_id)
   and (:state is null or j.state = :state)
   and (:type is null or j.type = :type)
 order by j.id desc
 limit :limit;

-- jobs_listed_of
select j.*, n.name as namespace
  from job j
  join namespace n on n.id = j.namespace_id
 where j.assignment_id = :assignment_id
   and (:state is null or j.state = :state)
   and (:type is null or j.type = :type)
 order by j.id desc
 limit :limit;

-- ready_before
-- How many ready jobs of the same namespace a worker takes before this one; counts to :limit.
select count(*) from (
    select 1 from job
     where namespace_id = :namespace_id and state = 'queued'
       and (priority, -id) > (:priority, -:id)
     limit :limit
);

-- locks_in
-- Who has paths and who waits for some: what runs, what has begun in a lane of its own, merges.
select j.*, n.name as namespace
  from job j
  join namespace n on n.id = j.namespace_id
 where j.state in ('queued', 'waiting', 'running')
   and (:namespace_id is null or j.namespace_id = :namespace_id)
   and (j.waits_for is 'lock'
        or (j.locks is not null
            and (j.state = 'running' or j.outcome is not null or j.merges is not null)))
 order by j.waits_for is 'lock', j.id
 limit :limit;
