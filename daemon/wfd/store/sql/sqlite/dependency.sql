-- add_dependency
insert into dependency (job_id, needs_job_id, on_failure)
values (:job_id, :needs_job_id, :on_failure)
on conflict (job_id, needs_job_id) do update set on_failure = excluded.on_failure;

-- drop_dependency
delete from dependency where job_id = :job_id and needs_job_id = :needs_job_id;

-- needs_of
-- The jobs that one comes after, as they are now.
select need.id, need.assignment_id, need.type, need.state, lane.state as lane_state,
       dependency.on_failure
  from dependency
  join job need on need.id = dependency.needs_job_id
  left join lane on lane.assignment_id = need.assignment_id and lane.name = need.lane
 where dependency.job_id = :job_id
 order by dependency.needs_job_id;

-- dependents_of
select job_id from dependency where needs_job_id = :needs_job_id order by job_id;

-- waiting_for
-- The open jobs that wait for this one.
select job.* from dependency join job on job.id = dependency.job_id
 where dependency.needs_job_id = :needs_job_id
   and job.state = 'waiting' and job.waits_for = 'dependency'
 order by dependency.job_id;

-- not_begun_after
-- The open jobs that come after this one and have not begun.
select job.* from dependency join job on job.id = dependency.job_id
 where dependency.needs_job_id = :needs_job_id
   and job.state in ('queued', 'waiting') and job.outcome is null
 order by dependency.job_id;

-- move_dependency
-- A retry stands for the job that it tries again.
update dependency set needs_job_id = :retry
 where job_id = :job_id and needs_job_id = :needs_job_id;
