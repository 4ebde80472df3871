-- add_question
insert into question (namespace_id, assignment_id, job_id, run_id, kind, by, text, options,
                      subject, deadline, at_deadline, state, created_at)
values (:namespace_id, :assignment_id, :job_id, :run_id, :kind, :by, :text, :options,
        :subject, :deadline, :at_deadline, 'open', :now);

-- question_by_id
select * from question where id = :id;

-- questions_of
select * from question where assignment_id = :assignment_id order by id;

-- open_questions_of
select * from question where assignment_id = :assignment_id and state = 'open' order by id;

-- open_questions_about
-- Those of an AI, which belong to no assignment.
select * from question
 where state = 'open' and assignment_id is null and kind = :kind and subject = :subject
 order by id;

-- open_questions_on
-- Those that one thing answers, whichever assignment asks; of one namespace or of all.
select * from question indexed by question_open
 where state = 'open' and assignment_id is not null and subject = :subject
   and (:namespace_id is null or namespace_id = :namespace_id)
 order by id;

-- count_let_go
-- How often a job went on by itself, because what had blocked it works again.
select count(*) from decision
 where job_id = :job_id and by = 'policy' and kind = 'answer';

-- last_question_of
-- The newest that is closed.
select * from question
 where assignment_id = :assignment_id and state <> 'open'
 order by id desc
 limit 1;

-- told_questions_of
-- What later prompts hear of: an answer, or that nobody gave one.
select q.*, j.type as job_type
  from question q
  left join job j on j.id = q.job_id
 where q.assignment_id = :assignment_id and q.state in ('answered', 'expired')
 order by q.id;

-- close_question
-- No row means that it is not open any more.
update question
   set state = :state, answer = :answer, closed_at = :now
 where id = :id and state = 'open';

-- due_questions
-- Few are open at any time, and the index holds no others.
select * from question
 where state = 'open' and deadline <= :now and at_deadline <> 'wait'
 order by id
 limit 100;

-- count_open_questions
-- null for a namespace is every one; those that concern all of them count for each.
select count(*) as n from question
 where state = 'open'
   and (:namespace_id is null or namespace_id is null or namespace_id = :namespace_id);

-- questions_elsewhere
-- How many are open in each other namespace, those with the most first.
select n.name as namespace, count(*) as open_questions
  from question q
  join namespace n on n.id = q.namespace_id
 where q.state = 'open' and q.namespace_id <> :namespace_id
 group by n.id
 order by open_questions desc, n.id;

-- inbox
select q.*, n.name as namespace, a.state as assignment_state, a.north_star, j.type as job_type
  from question q
  left join namespace n on n.id = q.namespace_id
  left join assignment a on a.id = q.assignment_id
  left join job j on j.id = q.job_id
 where q.state = 'open'
   and (:namespace_id is null or q.namespace_id is null or q.namespace_id = :namespace_id)
 order by q.id
 limit :limit;

-- closed_questions
-- From the newest on, up to a limit.
select q.*, n.name as namespace, a.state as assignment_state, a.north_star, j.type as job_type
  from question q
  left join namespace n on n.id = q.namespace_id
  left join assignment a on a.id = q.assignment_id
  left join job j on j.id = q.job_id
 where (:namespace_id is null or q.namespace_id is null or q.namespace_id = :namespace_id)
   and q.state <> 'open'
 order by q.id desc
 limit :limit;
