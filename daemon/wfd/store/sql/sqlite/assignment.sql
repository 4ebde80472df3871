-- add_assignment
insert into assignment (namespace_id, north_star, state, created_at)
values (:namespace_id, :north_star, 'active', :now);

-- assignment_by_id
select * from assignment where id = :id;

-- set_assignment_state
-- No row back means that somebody moved it in between.
update assignment
   set state = :state, reason = :reason,
       closed_at = case when :state in ('complete', 'cancelled') then :now end
 where id = :id and state = :was;

-- count_job
-- One more is coming, of which a PM's is not counted; whether the line that it joins is empty.
update assignment
   set jobs = jobs + :counts
 where id = :id
returning state as assignment_state,
          not exists (select 1 from job where assignment_id = assignment.id
                         and state in ('queued', 'waiting', 'running')) as is_empty;

-- count_run
-- What a finished run used up, and where it moved the branch, if it did. A cost of null was not
-- reported, which is not zero.
update assignment
   set wall_ms = wall_ms + :wall_ms,
       cost_usd = case when :cost_usd is null then cost_usd
                       else coalesce(cost_usd, 0) + :cost_usd end,
       unmeasured = unmeasured + (:cost_usd is null and :was_spawned),
       head_commit = coalesce(:head_commit, head_commit),
       head_tree = coalesce(:head_tree, head_tree)
 where id = :id
returning *;

-- set_base
update assignment
   set base_commit = :commit, base_tree = :tree,
       head_commit = coalesce(head_commit, :commit), head_tree = coalesce(head_tree, :tree)
 where id = :id and base_commit is null;

-- set_up
update assignment set is_set_up = :is_set_up where id = :id;

-- set_head
-- Where a run has moved the branch. No row back means that its lease is lost.
update assignment set head_commit = :commit, head_tree = :tree
 where id = (select assignment_id from run where id = :run_id and state = 'running');

-- add_note
insert into note (assignment_id, text, created_at) values (:assignment_id, :text, :now);

-- notes_of
select * from note where assignment_id = :assignment_id order by id;

-- closed_with_workspace
-- Assignments that ended and whose workspace may still be there.
select * from assignment where state in ('complete', 'cancelled') and is_set_up = 1 order by id;
