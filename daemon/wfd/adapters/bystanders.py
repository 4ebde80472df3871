"""The processes of the machine that are no run's, and so need not be read at every look."""

from collections.abc import Iterable, Mapping

from wfd.adapters import proc, tree
from wfd.adapters.proc import Seen, Table
from wfd.ports import Birth


class Bystanders:
    """Looks that pass over what an earlier look has shown to belong to nobody's run.

    To be used only where this process adopts its orphans: there the trees of its runs hang
    below it and stay there, and what stands elsewhere never comes in. Of what an earlier life
    has left it passes over nothing that carries a mark or descends from what does. The inode in
    /proc tells a process from a later one of its pid.
    """

    def __init__(self) -> None:
        self._inodes: Mapping[int, int] = {}
        self._near: Mapping[int, int] = {}

    def look(self, births: Iterable[Birth] = ()) -> Table:
        """Who is asked for by name is passed over never, nor is anything of that look."""
        if any(birth.pid in self._inodes for birth in births):
            return proc.look()
        return proc.look(self._inodes)

    def learn(self, table: Table, found: Iterable[Seen]) -> None:
        """All but what was `found` in the table, hangs below this process, or is marked."""
        if all(self._near.get(pid) == table.listed[pid] for pid in table):
            return
        near = {seen.pid for seen in (*found, *tree.near(table))} | table.ours
        near |= {seen.pid for seen in table.values() if not proc.is_readable(seen)}
        self._near = {pid: inode for pid, inode in table.listed.items() if pid in near}
        self._inodes = {pid: inode for pid, inode in table.listed.items() if pid not in near}
