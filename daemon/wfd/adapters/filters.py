"""Filters that turn files into blobs and back, such as git-lfs and git-crypt.

Their commands stand in the user's own configuration, and run only where a person has accepted
the filter's name. They find the user's repository there, as with the user's own git: LFS its
objects and its server, git-crypt its keys.
"""

import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KEY = re.compile(r"filter\.(.+)\.(clean|smudge|process|required)", re.DOTALL)

# What the daemon's own git would tell every git that a filter starts.
_NOT_THEIRS = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_ATTR_NOSYSTEM", "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_SYSTEM",
    "GIT_DEFAULT_REF_FORMAT", "GIT_INDEX_FILE", "GIT_LITERAL_PATHSPECS", "GIT_NO_LAZY_FETCH",
    "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
)  # fmt: skip
_THEIRS = ("HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME")


@dataclass(frozen=True)
class Filters:
    usable: frozenset[str] = frozenset()  # accepted, and defined by the user
    defined: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()  # as git takes them after -c
    prefix: tuple[str, ...] = ()  # the first words of each command line

    def refusal(self, name: str, before: Collection[str] = ()) -> str:
        """Why a file that needs this filter is not written, with the way out.

        `before` are filters that were defined when the workspace was made.
        """
        if name in self.accepted:
            return (
                f"your git configuration does not define the filter '{name}' on this machine:"
                " install what does, such as git-lfs or git-crypt"
            )
        accept = f'accept it by "workspace": {{"filters": ["{name}"]}} in .wfd/config.json and'
        if name in self.defined or name in before:
            return f"the filter '{name}' is not accepted: {accept} 'wfd trust'"
        return (
            f"the filter '{name}' is not defined in your git configuration: install what defines"
            f" it, such as git-lfs or git-crypt, then {accept} 'wfd trust'"
        )


def definitions(config: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The filters that a configuration defines, by name."""
    found: dict[str, dict[str, str]] = {}
    for key, value in config.items():
        match = _KEY.fullmatch(key)
        if match is not None:
            found.setdefault(match[1], {})[match[2]] = value
    return {name: values for name, values in found.items() if set(values) - {"required"}}


def filters(
    config: Mapping[str, str], accepted: Sequence[str], prefix: Sequence[str], users_git_dir: Path
) -> Filters:
    """Those that may be used; `prefix` are the first words of each of their command lines."""
    defined = definitions(config)
    usable = frozenset(name for name in accepted if name in defined)
    options = tuple(
        option
        for name in sorted(usable)
        for option in _options(name, defined[name], prefix, users_git_dir)
    )
    return Filters(usable, frozenset(defined), frozenset(accepted), options, tuple(prefix))


def for_agents(
    config: Mapping[str, str], usable: frozenset[str], users_git_dir: Path
) -> dict[str, str]:
    """Settings by which the agent's git sees files as the daemon's does, filtered or not."""
    defined = definitions(config)
    options = filters(config, sorted(usable), (), users_git_dir).options
    told = {key: value for key, _, value in (option.partition("=") for option in options)}
    for name in sorted(set(defined) - usable):
        told |= {f"filter.{name}.{kind}": "" for kind in ("clean", "smudge", "process")}
        told[f"filter.{name}.required"] = "false"
    if "lfs" in usable:
        told["lfs.storage"] = str(Path(users_git_dir, config.get("lfs.storage", "lfs")))
    return told


def _options(
    name: str, values: Mapping[str, str], prefix: Sequence[str], users_git_dir: Path
) -> Iterator[str]:
    for kind, value in values.items():
        if kind == "required":
            yield f"filter.{name}.required={value}"
        else:
            has_path = kind != "process"
            line = _command(value, prefix, users_git_dir, has_path=has_path)
            yield f"filter.{name}.{kind}={line}"


def _command(line: str, prefix: Sequence[str], users_git_dir: Path, *, has_path: bool) -> str:
    """The command line, as git gives it to a shell, in containment and with the user's world.

    Where git fills in a path for %f, it becomes an argument of the shell within.
    """
    if not line:
        return ""
    theirs = {name: os.environ[name] for name in _THEIRS if name in os.environ}
    theirs["GIT_DIR"] = str(users_git_dir)
    world = " ".join(f"{name}={shlex.quote(value)}" for name, value in theirs.items())
    inner = re.sub("%[%f]", lambda m: '"$1"' if m[0] == "%f" else "%", line) if has_path else line
    script = f"unset {' '.join(_NOT_THEIRS)}; export {world}; {inner}"
    outer = shlex.join([*prefix, "/bin/sh", "-c", script, "filter"])
    return f"{outer.replace('%', '%%')} %f" if has_path else outer
