-- add_run
insert into run (job_id, assignment_id, namespace_id, state, worker, harness, ai, account, route,
                 is_probe, lease_until, started_at, resumed)
values (:job_id, :assignment_id, :namespace_id, 'running', :worker, :harness, :ai, :account,
        :route, :is_probe, :now + :ttl_ms, :now, :resumed)
returning *;

-- add_run_by_hand
insert into run (job_id, assignment_id, namespace_id, state, worker, harness, ai, lease_until,
                 started_at, by_hand)
values (:job_id, :assignment_id, :namespace_id, 'running', :worker, 'hand', 'hand',
        :now + :ttl_ms, :now, :by_hand)
returning *;

-- hand_over
-- All is ready for who works by hand. No row means the lease is lost.
update run set spawned_at = :now, lease_until = :now + :ttl_ms
 where id = :id and state = 'running' and by_hand is not null;

-- keep_by_hand
-- No row means that the lease is lost, or that its result has been given already.
update run set lease_until = :now + :ttl_ms
 where id = :id and state = 'running' and by_hand is not null and answer is null;

-- keep_all_by_hand
-- Nobody could keep a lease while no daemon ran.
update run set lease_until = max(lease_until, :now + :ttl_ms)
 where state = 'running' and by_hand is not null;

-- give_result
-- Once. No row means that it was given before, that the lease is lost, or that nothing is ready.
update run set answer = :answer, exit_code = :exit_code
 where id = :id and state = 'running' and by_hand is not null and spawned_at is not null
   and answer is null;

-- run_by_id
select * from run where id = :id;

-- seen_of_run
-- What has become known of a run since it was leased. No row back means the lease is lost.
select cancel_reason, session_id, resumed, spawned_at, model, retries
  from run
 where id = :id and state = 'running';

-- run_before
-- The last run of a job, and with which AI it was.
select id, ai from run where job_id = :job_id order by id desc limit 1;

-- runs_of_job
select * from run where job_id = :job_id order by id;

-- runs_of
select * from run where assignment_id = :assignment_id order by id;

-- usage_of_session
-- What earlier runs of a session have stored as their own; null where none has reported it.
select sum(tokens_in) as tokens_in, sum(tokens_cached) as tokens_cached,
       sum(tokens_out) as tokens_out
  from run
 where assignment_id = :assignment_id and harness = :harness and session_id = :session_id
   and state = 'closed';

-- count_runs_of_job
select count(*) as n from run where job_id = :job_id;

-- live_runs_of
select * from run where assignment_id = :assignment_id and state = 'running' order by id;

-- live_runs
-- Named, because the planner would rather walk all runs that ever were than sort a few.
select * from run indexed by run_lease where state = 'running' order by id;

-- extend_lease
-- No row back means the lease is lost: stop the process, write nothing more.
update run set lease_until = :now + :ttl_ms where id = :id and state = 'running';

-- lapsed_runs
select * from run where state = 'running' and lease_until < :now order by lease_until limit 100;

-- record_prompt
update run
   set parent_commit = :parent_commit, parent_tree = :parent_tree,
       prompt_hash = :prompt_hash, resumed = :resumed, model = :model
 where id = :id and state = 'running';

-- record_spawn
update run
   set pid = :pid, pid_start = :pid_start, boot_id = :boot_id, containment = :containment,
       spawned_at = :now
 where id = :id and state = 'running';

-- note_spawn
-- Its agent has begun, which whoever spawned it could not write down any more.
update run set spawned_at = started_at where id = :id and state = 'running' and spawned_at is null;

-- record_session
update run set session_id = :session_id, model = coalesce(:model, model),
               cli_version = coalesce(:cli_version, cli_version)
 where id = :id and state = 'running';

-- record_activity
update run set activity = :activity, activity_since = null, retries = :retries
 where id = :id and state = 'running';

-- record_command
-- What the daemon runs for it now, and since when; null when that is over.
update run set activity = :activity,
               activity_since = case when :activity is null then null else :now end
 where id = :id and state = 'running';

-- ask_to_cancel
update run set cancel_reason = :reason
 where id = :id and state = 'running' and cancel_reason is null;

-- cancels_asked
-- The live runs that somebody wants ended.
select id from run where state = 'running' and cancel_reason is not null;

-- close_run
-- No row back means the lease is lost: write nothing more.
update run
   set state = 'closed', ended_at = :now, outcome = :outcome, message = :message,
       reset_at = :reset_at, ended_by = :ended_by, exit_code = :exit_code,
       session_id = :session_id, cli_version = coalesce(:cli_version, cli_version),
       model = coalesce(:model, model), cost_usd = :cost_usd, tokens_in = :tokens_in,
       tokens_cached = :tokens_cached, tokens_out = :tokens_out, turns = :turns, tools = :tools,
       answer = :answer, structured = :structured,
       snapshot_commit = :snapshot_commit, snapshot_tree = :snapshot_tree, activity = null,
       activity_since = null
 where id = :id and state = 'running';
