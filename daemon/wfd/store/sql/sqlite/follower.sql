-- start_follower
-- Who is new begins at the present: it is told nothing of what was before.
insert into follower (name, seq)
values (:name, coalesce((select max(seq) from event), 0))
    on conflict (name) do nothing;

-- follower
select * from follower where name = :name;

-- followers_named
-- By the beginning of their names, up to the first name that no longer has it.
select name from follower where name >= :first and name < :behind order by name;

-- move_follower
update follower
   set seq = :seq, failures = :failures, retry_at = :retry_at
 where name = :name;

-- end_follower
delete from follower where name = :name;

-- last_event
-- The newest, by the tree itself; null where nothing has happened yet.
select max(seq) from event;
