-- add_namespace
insert into namespace (name, git_dir, checkout, trusted_hash, created_at)
values (:name, :git_dir, :checkout, :trusted_hash, :now);

-- move_namespace
-- The same repository again, perhaps from another checkout or after an edit of its config.
update namespace
   set checkout = :checkout, trusted_hash = :trusted_hash
 where id = :id;

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
