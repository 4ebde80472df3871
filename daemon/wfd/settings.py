"""The settings of each namespace, read again only when a file has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wfd.adapters.assets import policy_file, prompt_files, user_dir
from wfd.adapters.place import Place
from wfd.commands.house import House
from wfd.config import (
    REPOSITORY_FILE,
    Config,
    RepositoryConfig,
    for_repository,
    hash_of,
    layers,
    load,
)
from wfd.domain.errors import BadConfig, Broken, NotAllowed
from wfd.domain.namespace import Namespace
from wfd.domain.template import Template
from wfd.engine.parts import Settings
from wfd.rules.policy import Policy, parse
from wfd.rules.prompt import parse_template


@dataclass(frozen=True)
class Sources:
    """Where the daemon's own configuration comes from."""

    config_file: Path | None
    flags: Mapping[str, object]

    def read(self) -> Config:
        return load(layers(user_dir() / "config.json", self.config_file, self.flags))

    @property
    def files(self) -> list[Path]:
        """What a watcher looks at."""
        own = user_dir() / "config.json"
        return [own] if self.config_file is None else [own, self.config_file]


class LiveSettings:
    """engine.parts.SettingsSource over the files of this machine."""

    def __init__(self, place: Place, sources: Sources, harnesses: tuple[str, ...]) -> None:
        self._place = place
        self._sources = sources
        self._harnesses = harnesses
        self.config = sources.read()
        self._policy = _read_policy()

    @property
    def files(self) -> list[Path]:
        return self._sources.files

    def reload(self) -> list[str]:
        """Read the daemon's own files again; the keys that changed. A bad file changes nothing."""
        config, policy = self._sources.read(), _read_policy()
        before, after = self.config.model_dump(by_alias=True), config.model_dump(by_alias=True)
        changed = [key for key in after if after[key] != before[key]]
        if policy != self._policy:
            changed.append("policies/default.yaml")
        self.config, self._policy = config, policy
        return changed

    def of(self, namespace: Namespace) -> Settings:
        """Raises BadConfig, or NotAllowed for a file that nobody has accepted."""
        return self._assemble(_accepted(self.config, namespace))

    def last_good(self, namespace: Namespace) -> Settings:
        try:
            return self._assemble(self._kept(namespace))
        except (BadConfig, NotAllowed):
            return self._assemble(self.config, is_accepted=False)

    def house_of(self, namespace: Namespace) -> House:
        """Raises what `of` raises, where nothing is known of what was accepted."""
        found = self.last_good(namespace)
        return found.house if found.is_accepted else self.of(namespace).house

    def _kept(self, namespace: Namespace) -> RepositoryConfig:
        """What a person accepted, whatever has become of the file: no edit lowers a gate."""
        trusted = namespace.trusted_hash
        if trusted is None:
            return self.config
        file = self._place.accepted_path(trusted)
        text = _text_of(file)
        if text is None or hash_of(text) != trusted:
            return _accepted(self.config, namespace)
        return for_repository(self.config, text, str(file))

    def _assemble(self, repository: RepositoryConfig, *, is_accepted: bool = True) -> Settings:
        policy = replace(
            self._policy,
            gates=repository.gates_over(self._policy.gates),
            caps=repository.caps_over(self._policy.caps),
        )
        templates = _templates()
        house = House(
            gates=policy.gates,
            caps=policy.caps,
            checks=tuple(repository.checks),
            types=tuple(sorted(templates)),
            harnesses=self._harnesses,
        )
        return Settings(self.config, repository, policy, house, templates, is_accepted)


def _accepted(config: Config, namespace: Namespace) -> RepositoryConfig:
    """The repository's own file over the daemon's, if a person has accepted just this text."""
    file = Path(namespace.checkout) / REPOSITORY_FILE
    text = _text_of(file)
    if text is None:
        if namespace.trusted_hash is None:
            return config
        raise NotAllowed(
            f"{file} is gone, and it was accepted before; put it back,"
            f" or run 'wfd trust' in {namespace.checkout} to go on without it"
        )
    if hash_of(text) != namespace.trusted_hash:
        raise NotAllowed(
            f"{file} has changed since a person accepted it; it names commands that the daemon"
            f" runs, so look at it and run 'wfd trust' in {namespace.checkout}"
        )
    return for_repository(config, text, str(file))


def _text_of(file: Path) -> str | None:
    """None if there is no such file. Raises BadConfig for one that cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file} cannot be read: {error}") from None


def _read_policy() -> Policy:
    file = policy_file()
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file} cannot be read: {error}") from None


_parsed: dict[tuple[Path, int], Template | Broken] = {}


def _templates() -> dict[str, Template | Broken]:
    """Every template as it is now; a broken one is its error, for the job that needs it."""
    found: dict[str, Template | Broken] = {}
    for job_type, file in prompt_files().items():
        try:
            key = (file, file.stat().st_mtime_ns)
        except OSError:  # it went just now
            continue
        if key not in _parsed:
            _parsed[key] = _parse(job_type, file)
        found[job_type] = _parsed[key]
    return found


def _parse(job_type: str, file: Path) -> Template | Broken:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        return parse_template(job_type, str(file), text)
    except OSError as error:
        return Broken(f"{file} cannot be read: {error.strerror}")
    except Broken as error:
        return error
