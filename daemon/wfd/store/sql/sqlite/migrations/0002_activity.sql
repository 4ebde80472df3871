-- What the CLI of a run does instead of working, and how often it has tried again by itself.
alter table run add column activity text check (activity is null or state = 'running');
alter table run add column retries integer not null default 0;
