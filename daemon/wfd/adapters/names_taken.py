"""Which refs of the user's repository leave no room for those of an assignment.

git keeps a ref as a file or in one file with all others, and either way `wfd` and `wfd/A7/x` leave
no room for `wfd/A7`. Where the file system takes `WFD` for `wfd`, so do `WFD` and `wfd/a7`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.git import Git, Said
from wfd.domain.errors import Conflict
from wfd.rules.typed import typed

_FOLDS_CASE = ("config", "--type=bool", "--get", "core.ignorecase")


@dataclass(frozen=True)
class NamesTaken:
    """Asked for one branch: of an assignment, such as wfd/A7, or of a lane."""

    git_dir: Path
    branch: str

    async def refuse(self, git: Git, *, pinned: str | None = None) -> None:
        """Raise Conflict if something already has, or blocks, a name of a new assignment.

        `pinned` is the commit that its own base may stand on.
        """
        folds_case = _is_true(await git.ask(*_FOLDS_CASE))
        self._judge(await git.run(*self._listing(folds_case)), folds_case, pinned)

    def refuse_at_once(self, git: Git) -> None:
        """The same where no loop runs."""
        folds_case = _is_true(git.at_once(*_FOLDS_CASE))
        self._judge(git.at_once(*self._listing(folds_case)), folds_case, None)

    async def refuse_without_room(self, git: Git) -> None:
        """Raise Conflict for a branch that leaves no room for this one; it may be there itself."""
        said = await git.run("for-each-ref", "--format=%(refname)", "refs/heads/wfd")
        self._refuse_branches(_words(said), folds_case=False)

    def _listing(self, folds_case: bool) -> tuple[str, ...]:
        folded = ("--ignore-case", "refs/heads/wfd/**") if folds_case else ()  # no prefix then
        form = "--format=%(refname) %(objectname)"
        return ("for-each-ref", form, *folded, "refs/heads/wfd", f"refs/{self.branch}")

    def _judge(self, said: Said, folds_case: bool, pinned: str | None) -> None:
        words = _words(said)
        names = dict(zip(words[::2], words[1::2], strict=True))
        self._refuse_branches(list(names), folds_case=folds_case)
        mine = f"refs/heads/{self.branch}"
        there = next((n for n in names if _fold(n, folds_case) == _fold(mine, folds_case)), None)
        if there is not None:
            name = there.removeprefix("refs/heads/")
            raise Conflict(
                f"{self.git_dir} already has a branch {name} that is not of this assignment;"
                f" rename it: {self._rename(name)}"
            )
        own = {f"refs/{self.branch}/base": pinned}
        refs = [n for n in names if n.startswith("refs/wfd/") and own.get(n) != names[n]]
        if refs:
            raise Conflict(self._of_an_earlier_store(refs[0]))

    def _refuse_branches(self, names: Sequence[str], *, folds_case: bool) -> None:
        above, below = "refs/heads/wfd", f"refs/heads/{self.branch}/"
        found = [
            name.removeprefix("refs/heads/")
            for name in names
            if (folded := _fold(name, folds_case)) == above
            or folded.startswith(_fold(below, folds_case))
        ]
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise Conflict(
                f"the branch '{found[0]}'{more} in {self.git_dir} leaves no room for"
                f" {self.branch}; rename it: {self._rename(found[0])}"
            )

    def _rename(self, name: str) -> str:
        return typed("git", "--git-dir", self.git_dir, "branch", "-m", name, _other_name(name))

    def _of_an_earlier_store(self, ref: str) -> str:
        git = typed("git", "--git-dir", self.git_dir)
        beneath = f"refs/{self.branch}"
        return (
            f"{self.git_dir} still holds {ref} of an earlier store; keep what you need of it"
            f" ({git} for-each-ref {beneath}), then delete it:"
            f" {git} for-each-ref --format='delete %(refname)' {beneath}"
            f" | {git} update-ref --stdin"
        )


def _other_name(name: str) -> str:
    return f"{name}-old" if "/" not in name.removeprefix("wfd/") else f"mine/{name}"


def _is_true(said: Said) -> bool:
    return said.code == 0 and said.out.strip() == b"true"


def _fold(name: str, folds_case: bool) -> str:
    return name.casefold() if folds_case else name


def _words(said: Said) -> list[str]:
    return said.out.decode("utf-8", "surrogateescape").split()
