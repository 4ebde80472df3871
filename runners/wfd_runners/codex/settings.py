"""The user's own config.toml of codex, as far as wfd must know it."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wfd_runners.fields import items, mapping, text


@dataclass(frozen=True)
class Settings:
    home: Path  # where codex keeps its login and its sessions
    values: Mapping[str, object]

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Settings":
        """Those that a run would read. None are there when the file is not, or is broken."""
        home = Path(environ.get("CODEX_HOME") or Path(environ.get("HOME", "")) / ".codex")
        try:
            values = tomllib.loads((home / "config.toml").read_text("utf-8"))
        # codex itself tells the user what is wrong with it
        except (OSError, ValueError, RecursionError):
            values = {}
        return cls(home, values)

    @property
    def file(self) -> Path:
        return self.home / "config.toml"

    @property
    def provider(self) -> Mapping[str, object]:
        """The provider of models that the user has chosen; empty for the built-in one."""
        providers = mapping(self.values, "model_providers")
        return mapping(providers, text(self.values, "model_provider") or "")

    @property
    def key(self) -> str | None:
        """The variable that holds the key of that provider."""
        return text(self.provider, "env_key")

    def variables(self) -> Iterator[str]:
        """The variables that its providers read: their keys, and what goes into headers."""
        for provider in mapping(self.values, "model_providers").values():
            if isinstance(provider, dict):
                names = (provider.get("env_key"), *mapping(provider, "env_http_headers").values())
                yield from (name for name in names if isinstance(name, str) and name.isidentifier())

    def hidden(self) -> Iterator[str]:
        """The patterns of variables that the user lets no tool see."""
        policy = mapping(self.values, "shell_environment_policy")
        yield from (name for name in items(policy, "exclude") if isinstance(name, str))
