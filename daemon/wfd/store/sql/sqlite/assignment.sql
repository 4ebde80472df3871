-- add_assignment
insert into assignment (namespace_id, north_star, state, created_at)
values (:namespace_id, :north_star, 'active', :now);

-- assignment_by_id
select * from assignment where id = :id;

-- set_assignment_state
-- No row back means that somebody moved it in between.
-- A pause that ends by itself says when; whatever else moves it forgets that.
update assignment
   set state = :state, reason = :reason, resumes_at = :resumes_at,
       closed_at = case when :state in ('complete', 'cancelled') then :now end
 where id = :id and state = :was;

-- count_job
-- One more is coming, of which the daemon's own are not counted; whether its line is empty.
update assignment
   set jobs = jobs + :counts
 where id = :id
returning state as assignment_state,
          not exists (select 1 from job where assignment_id = assignment.id
                         and state in ('queued', 'waiting', 'running')
                         and waits_for is not 'dependency'
                         and (lane = :lane or (:lane = 'main' and lane = 'pm'))) as is_empty;

-- count_run
-- What a finished run used up, and where it moved the branch, if it did. A cost of null was not
-- reported, which is not zero.
-- Tokens are kept within what a column holds, whatever a CLI has claimed.
update assignment
   set wall_ms = wall_ms + :wall_ms,
       pm_wall_ms = pm_wall_ms + :wall_ms * :is_pm,
       pm_cost_usd = case when :cost_usd is null or not :is_pm then pm_cost_usd
                          else coalesce(pm_cost_usd, 0) + :cost_usd end,
       tokens = case when :tokens is null then tokens
                     else min(coalesce(tokens, 0) + :tokens, 9007199254740992) end,
       pm_tokens = case when :tokens is null or not :is_pm then pm_tokens
                        else min(coalesce(pm_tokens, 0) + :tokens, 9007199254740992) end,
       cost_usd = case when :cost_usd is null then cost_usd
                       else coalesce(cost_usd, 0) + :cost_usd end,
       unmeasured = unmeasured + :is_unmeasured,
       head_commit = coalesce(:head_commit, head_commit),
       head_tree = coalesce(:head_tree, head_tree)
 where id = :id
returning *;

-- paused_until
-- Those whose pause ends by itself, and has.
select * from assignment where resumes_at <= :now order by resumes_at limit 100;

-- next_pause_end
select min(resumes_at) from assignment where resumes_at is not null;

-- stay_paused
-- A person wants it paused: it does not go on by itself.
update assignment set resumes_at = null, reason = :reason
 where id = :id and state = 'paused' and resumes_at is not null;

-- set_base
update assignment
   set base_commit = :commit, base_tree = :tree,
       head_commit = coalesce(head_commit, :commit), head_tree = coalesce(head_tree, :tree)
 where id = :id and base_commit is null;

-- set_up
update assignment set is_set_up = :is_set_up where id = :id;

-- add_kept
update assignment set kept = json_insert(kept, '$[#]', json(:kept)) where id = :id;

-- set_head
-- Where a run has moved the branch. No row back means that its lease is lost.
update assignment set head_commit = :commit, head_tree = :tree
 where id = (select assignment_id from run where id = :run_id and state = 'running');

-- set_allowance
-- What a person has added to its caps.
update assignment set allowance = :allowance where id = :id;

-- add_note
insert into note (assignment_id, text, created_at) values (:assignment_id, :text, :now);

-- notes_of
select * from note where assignment_id = :assignment_id order by id;

-- closed_with_workspace
-- Assignments that ended and whose workspace may still be there.
select * from assignment where state in ('complete', 'cancelled') and is_set_up = 1 order by id;
