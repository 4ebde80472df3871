"""Which AIs a configuration may name: each harness, those it defines, those that are registered."""

from collections.abc import Collection, Iterable
from contextlib import suppress

from wfd.adapters import client
from wfd.adapters.assets import user_dir
from wfd.adapters.place import Place
from wfd.config import Config, RepositoryConfig
from wfd.domain.ai import AiRow
from wfd.domain.errors import BadConfig, WfdError, unknown
from wfd.domain.job import HAND
from wfd.layers import layers, load
from wfd.store.alone import reading


def known_ais(place: Place, config: Config, harnesses: Iterable[str]) -> set[str]:
    """The names that a job can be given to. Those of a store that is not there are none."""
    return {*harnesses, *config.ais, *_registered(place), HAND}


def known_here(place: Place, harnesses: Iterable[str]) -> set[str]:
    """The same for a command line: also what the running daemon was started with."""
    config = load(layers(user_dir() / "config.json", None, {}))
    return known_ais(place, config, harnesses) | _of_daemon(place)


def refuse_unknown_harness(config: Config, harnesses: Collection[str]) -> None:
    """Raise BadConfig for an AI whose harness there is not, or settings of no harness."""
    for name, ai in config.ais.items():
        if (ai.harness or name) not in harnesses:
            known = unknown("harness", ai.harness or name, harnesses)
            raise BadConfig(f"'ais.{name}.harness': {known}")
    for name in config.harnesses:
        if name not in harnesses:
            raise BadConfig(f"'harnesses.{name}': {unknown('harness', name, harnesses)}")


def refuse_unknown_default(config: RepositoryConfig, known: Collection[str], origin: str) -> None:
    """Raise BadConfig for a job type that is given to an AI which nobody has defined."""
    if "harness_defaults" not in config.model_fields_set:
        return
    for job_type, name in config.harness_defaults.items():
        if name not in known:
            raise BadConfig(
                f"{origin}'harnessDefaults.{job_type}': {unknown('AI or harness', name, known)};"
                " 'ais' in your own config.json or 'wfctl ai register' defines one"
            )


def _registered(place: Place) -> list[str]:
    if not place.store_path.exists():
        return []
    with suppress(WfdError), reading(place.store_path) as read:
        return [row.name for row in read.all(AiRow, "ais") if row.definition is not None]
    return []  # what is wrong with the store is said by whoever needs it


def _of_daemon(place: Place) -> set[str]:
    with suppress(WfdError):
        answer = client.call(place.socket_path, "ai.list", {"with_spend": False})
        found = answer.get("ais") if isinstance(answer, dict) else answer
        if isinstance(found, list):
            return {str(one["name"]) for one in found if isinstance(one, dict) and "name" in one}
    return set()
