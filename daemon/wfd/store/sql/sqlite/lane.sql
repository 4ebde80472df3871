-- add_lane
insert into lane (assignment_id, name, state, created_at)
values (:assignment_id, :name, 'open', :now);

-- lane_by_name
select * from lane where assignment_id = :assignment_id and name = :name;

-- lanes_of
select * from lane where assignment_id = :assignment_id order by created_at, name;

-- open_lanes_of
select name from lane where assignment_id = :assignment_id and state = 'open' order by name;

-- begin_lane
-- It begins at the head that the assignment has by now.
update lane
   set base_commit = coalesce(a.head_commit, a.base_commit),
       base_tree = coalesce(a.head_tree, a.base_tree),
       head_commit = coalesce(a.head_commit, a.base_commit),
       head_tree = coalesce(a.head_tree, a.base_tree)
  from assignment a
 where a.id = lane.assignment_id and lane.assignment_id = :assignment_id and lane.name = :name
   and lane.base_commit is null;

-- set_up_lane
update lane set is_set_up = :is_set_up where assignment_id = :assignment_id and name = :name;

-- set_head_of_lane
-- Where a run has moved the branch of a lane. No row back means that its lease is lost.
update lane set head_commit = :commit, head_tree = :tree
 where assignment_id = (select assignment_id from run where id = :run_id and state = 'running')
   and name = :name;

-- close_lane
update lane set state = :state, closed_at = :now
 where assignment_id = :assignment_id and name = :name and state = 'open';

-- done_in_lane
select * from job
 where assignment_id = :assignment_id and lane = :lane and state = 'done'
 order by id;

-- last_in_lane
select * from job
 where assignment_id = :assignment_id and lane = :lane
 order by id desc
 limit 1;

-- closed_lanes_with_workspace
select * from lane
 where state in ('merged', 'abandoned') and is_set_up = 1
 order by assignment_id, name;
