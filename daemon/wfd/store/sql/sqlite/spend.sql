-- count_spend
-- What a closed run adds to the day of its namespace, counted in days since 1970-01-01. A cost of
-- null was not reported, which is not zero.
insert into spend (namespace_id, day, jobs, cost_usd, unmeasured, tokens, wall_ms)
values (:namespace_id, :day, :jobs, :cost_usd, :unmeasured, :tokens, :wall_ms)
on conflict (namespace_id, day) do update
   set jobs = jobs + excluded.jobs,
       cost_usd = case when excluded.cost_usd is null then cost_usd
                       else coalesce(cost_usd, 0) + excluded.cost_usd end,
       unmeasured = unmeasured + excluded.unmeasured,
       tokens = case when excluded.tokens is null then tokens
                     else min(coalesce(tokens, 0) + excluded.tokens, 9007199254740992) end,
       wall_ms = wall_ms + excluded.wall_ms
returning *;

-- spend_on
select * from spend where namespace_id = :namespace_id and day = :day;
