"""The home that Gemini CLI is given: settings, instructions and policy of one run alone.

A repository can hold settings, variables, hooks, servers, extensions, agents, skills and
instructions of its own. All of them, and everything that earlier runs noted, are out of reach
for a CLI that does not trust its folder and has a home where nothing else lies. It then also
refuses most tools, and to run headless at all, unless its settings and a policy say otherwise.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from wfd.ports import Ask

MAX_ATTEMPTS = 3  # by default ten, which take almost four minutes: the waiting is wfd's

# Named by what is let in: a next version may bring tools that write, or that ask the web.
READING_TOOLS = ("list_directory", "read_file", "grep_search", "glob")

# Git commands are refused in a folder without trust, whatever a rule says, except by a rule
# that looks at the arguments.
POLICY = """\
[[rule]]
toolName = "run_shell_command"
argsPattern = "."
decision = "allow"
allowRedirection = true
priority = 999

[[rule]]
toolName = "*"
decision = "allow"
priority = 998
"""


def policy(home: Path) -> Path:
    """Where the file lies that allows every tool."""
    return home / "gemini-policy.toml"


def places(home: Path) -> dict[str, str]:
    """Where it keeps things, as variables."""
    # For each failed request it leaves a report there, with the whole conversation, for all
    # users of the machine to read and for nobody to remove.
    return {"GEMINI_CLI_HOME": str(home), "TMPDIR": str(home / "tmp")}


def files(ask: Ask, login: str | None) -> dict[Path, str]:
    """What the home of a run holds when it starts."""
    own = ask.run_dir / ".gemini"
    held = {
        own / "settings.json": json.dumps(_settings(ask, login), indent=1),
        ask.run_dir / "tmp" / ".keep": "",
    }
    if ask.instructions and ask.instructions.strip():
        held[own / "GEMINI.md"] = ask.instructions
    if not ask.is_pm:
        held[policy(ask.run_dir)] = POLICY
    return held


def _settings(ask: Ask, login: str | None) -> Mapping[str, object]:
    return {
        "general": {
            "maxAttempts": MAX_ATTEMPTS,
            "enableAutoUpdate": False,
            "enableAutoUpdateNotification": False,
            "plan": {"enabled": False},  # a mode that an agent could not leave again
        },
        "security": {
            # asks nobody; what is not trusted is said in the environment
            "folderTrust": {"enabled": False},
            "auth": {"selectedType": login} if login else {},
        },
        "context": {
            "fileFiltering": {
                "respectGeminiIgnore": False,  # a repository's file that hides others
                # what stands behind an @ in a prompt would be searched for in all names of files
                "enableRecursiveFileSearch": False,
            },
            "memoryBoundaryMarkers": [],  # instructions import no file from outside their folder
        },
        **({"tools": {"core": READING_TOOLS}} if ask.is_pm else {}),
        "model": {} if ask.max_turns is None else {"maxSessionTurns": ask.max_turns},
        "advanced": {"ignoreLocalEnv": True},  # the repository's .env, which may hold a key
        "privacy": {"usageStatisticsEnabled": False},
        "hooksConfig": {"enabled": False},
        "skills": {"enabled": False},
    }
