"""What a repository says of its submodules, and where the user has the repository of each.

The names are those of the base's `.gitmodules`, and so the user's; what an agent writes there
counts for nothing. No URL is followed here.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wfd.adapters import plain_files
from wfd.adapters.git import Said, in_checkout
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.users_repository import UsersRepository

_KEY = re.compile(rb"submodule\.(.+)\.(path|url)", re.DOTALL)
_LIST = ("config", "--null", "--list")
_RELATIVE = ("./", "../")


@dataclass(frozen=True)
class Named:
    """A submodule as `.gitmodules` has it."""

    name: str
    url: str = ""


async def named_in(own: OwnRepository, commit: str) -> Mapping[bytes, Named]:
    """The submodules that a commit names, by path; those with a name that git refuses are none."""
    named = own.known.named.get(commit)
    if named is None:
        named = _read(await own.git.ask(*_LIST, "--blob", f"{commit}:.gitmodules"))
        own.known.named[commit] = named
    return named


async def named_by(own: OwnRepository, text: bytes) -> dict[bytes, Named]:
    """The same of a text."""
    return _read(await own.git.ask_with([text], *_LIST, "--file", "-", end=b""))


def _read(said: Said) -> dict[bytes, Named]:
    found: dict[bytes, dict[bytes, bytes]] = {}
    for entry in said.names if said.code == 0 else []:
        key, _, value = entry.partition(b"\n")
        if match := _KEY.fullmatch(key):
            found.setdefault(match[1], {})[match[2]] = value
    return {
        one[b"path"]: Named(os.fsdecode(name), os.fsdecode(one.get(b"url", b"")))
        for name, one in found.items()
        if b"path" in one and _is_safe(os.fsdecode(name))
    }


async def users_own(
    users: UsersRepository, path: bytes, named: Named | None
) -> UsersRepository | None:
    """The user's repository of a submodule, if the user has initialised it."""
    there = os.fsdecode(path)
    checkout = users.checkout / there
    if plain_files.is_folder_within(users.checkout, there) and _has_git(checkout):
        return await _checked_out(checkout)
    return None if named is None else await _put_away(users, named.name)


def url_of(named: Named, config: Mapping[str, str], checkout: Path) -> str:
    """Where a submodule comes from, as the user's git has resolved it or would; "" for nowhere."""
    known = config.get(f"submodule.{named.name}.url")
    url = known or _resolved(named.url, _remote(config) or str(checkout))
    return "" if url.startswith("-") or not url.isprintable() else url


def as_configuration(name: str, url: str, *, is_active: bool) -> str:
    """Lines of a git configuration: a submodule's real URL, and whether it is initialised."""
    quoted = {key: re.sub(r'(["\\])', r"\\\1", text) for key, text in (("n", name), ("u", url))}
    active = "true" if is_active else "false"
    return f'[submodule "{quoted["n"]}"]\n\tactive = {active}\n\turl = "{quoted["u"]}"\n'


def is_relative(url: str) -> bool:
    return url.startswith(_RELATIVE)


async def _checked_out(checkout: Path) -> UsersRepository | None:
    git = in_checkout(checkout)
    top = await git.ask("rev-parse", "--show-toplevel")
    if Path(os.fsdecode(top.out).removesuffix("\n")) != checkout.resolve():
        return None  # its .git is none, and git has found the one above
    said = await git.run("rev-parse", "--path-format=absolute", "--git-common-dir")
    return UsersRepository(Path(os.fsdecode(said.out).removesuffix("\n")), checkout)


async def _put_away(users: UsersRepository, name: str) -> UsersRepository | None:
    """One that is initialised, and not checked out where the user stands now."""
    around = (users.git_dir, *users.git_dir.glob("worktrees/*"))
    if not any((folder / "modules" / name).is_dir() for folder in around):
        return None
    if f"submodule.{name}.url" not in await users.config():
        return None
    is_there = users.checkout.is_dir() and not users.is_put_away
    git = in_checkout(users.checkout) if is_there else users.git
    said = await git.run("rev-parse", "--path-format=absolute", "--git-path", "modules")
    git_dir = Path(os.fsdecode(said.out).removesuffix("\n")) / name
    return UsersRepository(git_dir, git_dir) if (git_dir / "HEAD").is_file() else None


def _has_git(folder: Path) -> bool:
    return plain_files.is_there(folder / ".git")


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and ".." not in parts and parts[0] != "/" and name.isprintable()


def _remote(config: Mapping[str, str]) -> str | None:
    """The URL of the remote that relative URLs build on."""
    urls = {key: url for key, url in config.items() if re.fullmatch(r"remote\..+\.url", key)}
    return urls.get("remote.origin.url") or (next(iter(urls.values())) if len(urls) == 1 else None)


def _resolved(url: str, base: str) -> str:
    """A relative URL, as git resolves it against the remote of the repository around it."""
    if not is_relative(url):
        return url
    base = base.rstrip("/")
    while is_relative(url):
        is_up, url = url.startswith("../"), url.partition("/")[2]
        if is_up:
            base = base[: max(base.rfind("/"), base.rfind(":") + 1, 0)]
    return f"{base}{'' if base.endswith((':', '/')) else '/'}{url}".rstrip("/")
