"""The settings of each namespace, put together again only when a file has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wfd.adapters.assets import policy_file, user_dir
from wfd.adapters.place import Place
from wfd.commands.house import House
from wfd.commands.roster import over_harness
from wfd.config import Config
from wfd.domain.ai import Ai, Origin
from wfd.domain.errors import BadConfig, NotAllowed
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import Kind
from wfd.engine.parts import Settings
from wfd.known_ais import known_ais, refuse_unknown_default, refuse_unknown_harness
from wfd.layers import REPOSITORY_FILE, for_repository, hash_of, layers, load
from wfd.rules.policy import Policy, parse
from wfd.template_files import TemplateFiles, Templates


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


@dataclass(frozen=True)
class _File:
    """A repository's configuration as it was read; None: there is no file, and none is needed."""

    path: Path
    text: str | None


@dataclass(frozen=True)
class _Known:
    """Settings, and the text that they were made of beside what they hold themselves."""

    text: str | None
    settings: Settings


class LiveSettings:
    """engine.parts.SettingsSource over the files of this machine."""

    def __init__(self, place: Place, sources: Sources, harnesses: tuple[str, ...]) -> None:
        self._place = place
        self._sources = sources
        self._harnesses = harnesses
        self._templates = TemplateFiles()
        self._policy = _read_policy()
        self.config = self._read()
        self._known: dict[tuple[Path, bool], _Known] = {}
        self._machine: Settings | None = None

    @property
    def files(self) -> list[Path]:
        return self._sources.files

    def reload(self) -> list[str]:
        """Read the daemon's own files again; the keys that changed. A bad file changes nothing."""
        config, policy = self._read(), _read_policy()
        before, after = self.config.model_dump(by_alias=True), config.model_dump(by_alias=True)
        changed = [key for key in after if after[key] != before[key]]
        if policy != self._policy:
            changed.append("policies/default.yaml")
        self._policy = policy
        self.config = config  # last: whoever has it has the policy, on whatever thread
        return changed

    def of(self, namespace: Namespace) -> Settings:
        """Raises BadConfig, or NotAllowed for a file that nobody has accepted."""
        return self._settings(_accepted(namespace))

    def last_good(self, namespace: Namespace) -> Settings:
        try:
            return self._settings(self._kept(namespace))
        except (BadConfig, NotAllowed):
            return self._settings(_File(_path_of(namespace), None), is_accepted=False)

    def house_of(self, namespace: Namespace | None) -> House:
        """Raises what `of` raises, where nothing is known of what was accepted."""
        if namespace is None:
            return self._machines_house()
        found = self.last_good(namespace)
        return found.house if found.is_accepted else self.of(namespace).house

    def _machines_house(self) -> House:
        """What is of no namespace; asked for at each look for work, so no file is read for it."""
        config = self.config
        if self._machine is None or self._machine.config is not config:
            self._machine = self._assemble(_File(Path(), None), config, {}, True)
        return self._machine.house

    def _read(self) -> Config:
        config = self._sources.read()
        refuse_unknown_harness(config, self._harnesses)
        known = known_ais(self._place, config, self._harnesses)
        refuse_unknown_default(config, known, "")
        return config

    def _kept(self, namespace: Namespace) -> _File:
        """What a person accepted, whatever has become of the file: no edit lowers a gate."""
        trusted = namespace.trusted_hash
        if trusted is None:
            return _File(_path_of(namespace), None)
        file = self._place.accepted_path(trusted)
        text = _text_of(file)
        if text is None or hash_of(text) != trusted:
            return _accepted(namespace)
        return _File(file, text)

    def _settings(self, file: _File, *, is_accepted: bool = True) -> Settings:
        """Those of before while nothing that they were made of has changed.

        The text is compared, and not the file's times: whoever runs as the user can set those.
        """
        config, templates = self.config, self._templates.now()
        known = self._known.get((file.path, is_accepted))
        if (
            known is None
            or known.text != file.text
            or known.settings.config is not config
            or known.settings.templates is not templates
        ):
            settings = self._assemble(file, config, templates, is_accepted)
            known = self._known[file.path, is_accepted] = _Known(file.text, settings)
        return known.settings

    def _assemble(
        self, file: _File, config: Config, templates: Templates, is_accepted: bool
    ) -> Settings:
        repository = (
            config if file.text is None else for_repository(config, file.text, str(file.path))
        )
        policy = replace(
            self._policy,
            gates=repository.gates_over(self._policy.gates),
            caps=repository.caps_over(self._policy.caps),
        )
        house = House(
            gates=policy.gates,
            caps=policy.caps,
            daily=repository.caps_of_a_day(),
            checks=tuple(repository.checks),
            types=tuple(sorted(templates)),
            harnesses=self._harnesses,
            patience=repository.questions.patience,
            ais={name: _ai(config, name) for name in config.ais},
            harness_ais={name: _harness_ai(config, name) for name in self._harnesses},
            jobs=config.limits.jobs,
            hold_probes=self._policy.limit(Kind.RATE_LIMITED) or 1,
            breaker_probes=self._policy.breaker.probes,
        )
        return Settings(config, repository, policy, house, templates, is_accepted)


def _ai(config: Config, name: str) -> Ai:
    told = config.ais[name]
    harness = told.harness or name
    ai = Ai(
        name=name,
        harness=harness,
        account=told.account or harness,
        model=told.model,
        labels=frozenset(told.labels),
        capabilities=frozenset(told.capabilities),
        limit=told.limit,
        env=told.env,
        binary=told.binary,
        origin=Origin.CONFIGURED,
    )
    return over_harness(ai, _harness_ai(config, harness))


def _harness_ai(config: Config, harness: str) -> Ai:
    own = config.harness(harness)
    return Ai(
        name=harness,
        harness=harness,
        account=harness,
        model=own.model,
        pass_env=tuple(own.env),
        binary=own.binary,
        max_turns=own.max_turns,
    )


def _accepted(namespace: Namespace) -> _File:
    """The repository's own file, if a person has accepted just this text."""
    file = _path_of(namespace)
    text = _text_of(file)
    if text is None:
        if namespace.trusted_hash is None:
            return _File(file, None)
        raise NotAllowed(
            f"{file} is gone, and it was accepted before; put it back,"
            f" or run 'wfd trust' in {namespace.checkout} to continue without it"
        )
    if hash_of(text) != namespace.trusted_hash:
        raise NotAllowed(
            f"{file} has changed since a person accepted it; it names commands that the daemon"
            f" runs, so look at it and run 'wfd trust' in {namespace.checkout}"
        )
    return _File(file, text)


def _path_of(namespace: Namespace) -> Path:
    return Path(namespace.checkout) / REPOSITORY_FILE


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
