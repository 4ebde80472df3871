-- What housekeeping looks for every few seconds, among all assignments that ever were.
create index assignment_with_workspace on assignment (id)
    where state in ('complete', 'cancelled') and is_set_up = 1;
