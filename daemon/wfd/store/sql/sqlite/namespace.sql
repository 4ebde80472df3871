-- add_namespace
insert into namespace (name, git_dir, checkout, trusted_hash, created_at)
values (:name, :git_dir, :checkout, :trusted_hash, :now);

-- move_namespace
-- The same repository again, perhaps from another checkout or after an edit of its config.
update namespace
   set checkout = :checkout, trusted_hash = :trusted_hash
 where id = :id;

-- repoint_namespace
-- Its repository lies elsewhere now.
update namespace set git_dir = :git_dir, checkout = :checkout where id = :id;

-- namespaces_listed
select n.*,
       (select count(*) from assignment where namespace_id = n.id) as assignments,
       (select count(*) from assignment where namespace_id = n.id
           and state in ('active', 'paused', 'blocked')) as open_assignments
  from namespace n
 order by n.id;

-- open_assignments_of
select id from assignment
 where namespace_id = :namespace_id and state in ('active', 'paused', 'blocked')
 order by id;

-- running_in
-- Its runs that have not ended, those by hand included.
select count(*) as n from run where state = 'running' and namespace_id = :namespace_id;

-- newest_assignment_of
select max(id) as id from assignment where namespace_id = :namespace_id;

-- work_of_namespace
-- The commits that its branches begin at and stand on, of assignments and of lanes.
select 'A' || id as place, state in ('active', 'paused', 'blocked') as is_open,
       coalesce(base_commit, from_commit) as base_commit, head_commit, id as of_assignment
  from assignment
 where namespace_id = :namespace_id and coalesce(base_commit, from_commit) is not null
union all
select 'A' || a.id || '-' || l.name,
       l.state = 'open' and a.state in ('active', 'paused', 'blocked'),
       l.base_commit, l.head_commit, a.id
  from assignment a join lane l on l.assignment_id = a.id
 where a.namespace_id = :namespace_id and l.base_commit is not null
 order by of_assignment desc;

-- forget_questions_of_namespace
-- Few ask on behalf of a repository and of no assignment.
delete from question where namespace_id = :id;

-- forget_spend_of_namespace
-- One row for each day.
delete from spend where namespace_id = :id;

-- forget_namespace
delete from namespace where id = :id;

-- namespaces
select * from namespace order by id;

-- namespace_by_id
select * from namespace where id = :id;

-- namespace_by_name
select * from namespace where name = :name;

-- namespace_by_git_dir
select * from namespace where git_dir = :git_dir;

-- namespace_by_checkout
select * from namespace where checkout = :checkout;

-- take_turn
-- Round-robin: the one that was served longest ago, with ready work and room for it, is served.
-- A limit of null is no limit.
update namespace
   set last_turn = (select max(last_turn) + 1 from namespace), running = running + 1
 where id = (select id from namespace as n
              where (:per_namespace is null or running < :per_namespace)
                and exists (select 1 from job where namespace_id = n.id and state = 'queued')
              order by last_turn, id
              limit 1)
returning *;

-- give_back_turn
update namespace set running = running - 1 where id = :id;
