-- ais
-- What is kept of AIs: those that were registered, and those that have had trouble. They are few.
select * from ai order by name;

-- ai_by_name
select * from ai where name = :name;

-- add_ai
-- A row for what is kept of an AI; nothing if there is one.
insert into ai (name, created_at) values (:name, :now) on conflict do nothing;

-- define_ai
insert into ai (name, definition, created_at) values (:name, :definition, :now)
on conflict (name) do update set definition = :definition;

-- forget_ai
delete from ai where name = :name;

-- label_ai
update ai set labels = :labels where name = :name;

-- enable_ai
update ai set is_enabled = :is_enabled where name = :name;

-- set_health
update ai
   set failures = :failures, broken_until = :broken_until, broken_reason = :reason,
       probes = :probes
 where name = :name;

-- try_ai_now
-- A person has seen to it: the next run may try at once.
update ai set broken_until = :now, probes = 0
 where name = :name and broken_until is not null;

-- use_ai
insert into ai (name, last_used_at, created_at) values (:name, :now, :now)
on conflict (name) do update set last_used_at = :now;

-- open_holds
select * from hold where lifted_at is null order by account;

-- open_hold
select * from hold where account = :account and lifted_at is null;

-- add_hold
insert into hold (account, until, is_reset_known, reason, probes, run_id, created_at)
values (:account, :until, :is_reset_known, :reason, :probes, :run_id, :now);

-- extend_hold
update hold
   set until = :until, is_reset_known = :is_reset_known, reason = :reason, probes = :probes
 where id = :id and lifted_at is null;

-- lift_hold
update hold set lifted_at = :now, lifted_by = :by where id = :id and lifted_at is null;

-- running_by_ai
-- Named, because the planner would rather walk all runs that ever were than sort a few.
select ai as name, account, count(*) as running, sum(is_probe) as probes
  from run indexed by run_lease
 where state = 'running'
 group by ai, account;

-- spend_by_ai
-- Of the newest runs: a list that is looked at often does not walk all that ever were.
select ai as name, count(*) as runs, sum(cost_usd) as cost_usd,
       sum(state = 'closed' and spawned_at is not null and cost_usd is null) as unmeasured
  from (select * from run order by id desc limit :limit)
 group by ai;

-- parked_sets
-- The names that parked jobs wait for, one after the other by the index, not job by job.
with recursive sets (names) as (
    select min(waits_on) from job where state = 'waiting' and waits_for = 'ai'
    union all
    select (select min(waits_on) from job
             where state = 'waiting' and waits_for = 'ai' and waits_on > sets.names)
      from sets
     where sets.names is not null
)
select names from sets where names is not null;

-- count_parked
select count(*) from (
    select 1 from job
     where state = 'waiting' and waits_for = 'ai' and waits_on = :names
     limit :limit
);

-- parked_for
select * from job
 where state = 'waiting' and waits_for = 'ai' and waits_on = :names
 order by priority desc, id
 limit :limit;

-- wait_for_others
update job set waits_on = :names where id = :id and state = 'waiting' and waits_for = 'ai';

-- ai_of_last_run
select ai from run where assignment_id = :assignment_id order by id desc limit 1;
