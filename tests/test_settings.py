"""Settings are kept while nothing changes, and an edit counts at the very next use."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from wfd.adapters.place import Place, place
from wfd.domain.errors import BadConfig, Broken, NotAllowed
from wfd.domain.ids import NamespaceId
from wfd.domain.namespace import Namespace
from wfd.domain.template import Template
from wfd.layers import hash_of
from wfd.settings import LiveSettings, Sources
from wfd.store.alone import write_alone

STRICT = json.dumps({"gates": {"review": True}, "checks": {"a": "true"}})
LENIENT = json.dumps({"gates": {"review": False}, "checks": {"b": "true"}})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("WFD_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "config" / "templates" / "prompts").mkdir(parents=True)
    (tmp_path / "blue" / ".wfd").mkdir(parents=True)
    return place(tmp_path / "state")


@pytest.fixture
def live(here: Place) -> LiveSettings:
    return LiveSettings(here, Sources(None, {}), ("claude",))


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "blue" / ".wfd" / "config.json"
    file.write_text(STRICT)
    return file


@pytest.fixture
def blue(config_file: Path) -> Namespace:
    checkout = config_file.parents[1]
    git_dir = str(checkout / ".git")
    return Namespace(NamespaceId(1), "blue", git_dir, str(checkout), hash_of(STRICT))


def test_what_has_not_changed_is_not_put_together_again(
    live: LiveSettings, blue: Namespace
) -> None:
    assert live.of(blue) is live.of(blue)


def test_an_edit_that_keeps_size_and_times_is_refused_at_the_next_use(
    live: LiveSettings, blue: Namespace, config_file: Path
) -> None:
    live.of(blue)
    seen = config_file.stat()
    config_file.write_text(STRICT.replace("true", "evil", 1))
    os.utime(config_file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    with pytest.raises(NotAllowed, match="wfd trust"):
        live.of(blue)


def test_what_a_person_accepts_anew_counts_at_the_next_use(
    live: LiveSettings, blue: Namespace, config_file: Path
) -> None:
    assert live.of(blue).house.checks == ("a",)
    config_file.write_text(LENIENT)
    found = live.of(replace(blue, trusted_hash=hash_of(LENIENT)))
    assert found.house.checks == ("b",)
    assert not found.house.gates.review


def test_an_accepted_copy_that_was_forged_is_not_believed(
    live: LiveSettings, here: Place, blue: Namespace, config_file: Path
) -> None:
    copy = here.accepted_path(hash_of(STRICT))
    copy.parent.mkdir()
    copy.write_text(STRICT)
    config_file.write_text(LENIENT)
    assert live.house_of(blue).gates.review
    copy.write_text(LENIENT)
    assert not live.last_good(blue).is_accepted
    with pytest.raises(NotAllowed):
        live.house_of(blue)


def test_two_namespaces_have_their_own_settings(
    live: LiveSettings, blue: Namespace, tmp_path: Path
) -> None:
    (tmp_path / "red").mkdir()
    red = Namespace(NamespaceId(2), "red", "", str(tmp_path / "red"), None)
    assert live.of(blue).house.checks == ("a",)
    assert live.of(red).house.checks == ()
    assert live.of(blue).house.checks == ("a",)


def test_a_reload_of_the_daemons_own_files_reaches_every_namespace(
    live: LiveSettings, blue: Namespace, tmp_path: Path
) -> None:
    before = live.of(blue)
    (tmp_path / "config" / "config.json").write_text('{"stallMs": 1234}')
    assert live.reload() == ["stallMs"]
    assert before.repository.stall_ms != 1234
    assert live.of(blue).repository.stall_ms == 1234


def test_a_reload_of_the_policy_reaches_every_namespace(
    live: LiveSettings, blue: Namespace, tmp_path: Path
) -> None:
    from wfd.adapters.assets import policy_file

    text = policy_file().read_text()
    before = live.of(blue).policy.caps.jobs
    (tmp_path / "config" / "policies").mkdir()
    (tmp_path / "config" / "policies" / "default.yaml").write_text(
        text.replace(f"jobs: {before}", "jobs: 7")
    )
    assert live.reload() == ["policies/default.yaml"]
    assert live.of(blue).house.caps.jobs == 7


def test_a_bad_file_stays_bad_until_it_is_mended(
    live: LiveSettings, blue: Namespace, config_file: Path
) -> None:
    config_file.write_text('{"stallMs": 0}')
    bad = replace(blue, trusted_hash=hash_of('{"stallMs": 0}'))
    for _ in range(2):
        with pytest.raises(BadConfig, match="stallMs"):
            live.of(bad)
    config_file.write_text(STRICT)
    assert live.of(blue).house.checks == ("a",)


def test_a_template_that_is_dropped_in_edited_broken_or_removed_counts_at_the_next_use(
    live: LiveSettings, blue: Namespace, tmp_path: Path
) -> None:
    file = tmp_path / "config" / "templates" / "prompts" / "audit.md"

    def found() -> Template | Broken | None:
        return live.of(blue).templates.get("audit")

    assert found() is None
    file.write_text("Audit it once.\n")
    first = found()
    assert isinstance(first, Template)
    assert found() is first
    assert "audit" in live.house_of(blue).types
    seen = file.stat()
    file.write_text("Audit it again\n")
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    second = found()
    assert isinstance(second, Template)
    assert "again" in second.body
    file.write_text("{% if %}")
    assert isinstance(found(), Broken)
    file.unlink()
    assert found() is None


def test_a_users_own_template_takes_the_place_of_a_shipped_one_and_gives_it_back(
    live: LiveSettings, blue: Namespace, tmp_path: Path
) -> None:
    shipped = live.of(blue).templates["implement"]
    own = tmp_path / "config" / "templates" / "prompts" / "implement.md"
    own.write_text("Mine.\n")
    mine = live.of(blue).templates["implement"]
    assert isinstance(mine, Template) and mine.path == str(own)
    own.unlink()
    assert live.of(blue).templates["implement"] is shipped


def test_a_default_that_nobody_defines_is_refused_and_the_last_good_one_stays(
    here: Place, live: LiveSettings, tmp_path: Path
) -> None:
    own = tmp_path / "config" / "config.json"
    own.write_text('{"harnessDefaults": {"review": "cluade"}}')

    with pytest.raises(BadConfig, match=r"'harnessDefaults.review': .*did you mean 'claude'"):
        live.reload()
    with pytest.raises(BadConfig, match="cluade"):
        LiveSettings(here, Sources(None, {}), ("claude",))
    assert live.config.harness_for("review") == "claude"


def test_settings_of_no_harness_are_refused(live: LiveSettings, tmp_path: Path) -> None:
    (tmp_path / "config" / "config.json").write_text('{"harnesses": {"cluade": {"model": "m"}}}')
    with pytest.raises(BadConfig, match=r"'harnesses.cluade': .*did you mean 'claude'"):
        live.reload()


def test_a_default_may_name_an_ai_of_the_file_one_that_is_registered_and_a_hand(
    here: Place, live: LiveSettings, tmp_path: Path
) -> None:
    definition = json.dumps({"harness": "claude"})
    here.state_dir.mkdir(exist_ok=True)
    write_alone(
        here.store_path,
        lambda tx: tx.run("define_ai", name="fast", definition=definition, now=tx.now),
    )
    defaults = {"default": "mine", "review": "fast", "uat": "hand"}
    told = {"ais": {"mine": {"harness": "claude"}}, "harnessDefaults": defaults}
    (tmp_path / "config" / "config.json").write_text(json.dumps(told))

    assert set(live.reload()) == {"ais", "harnessDefaults"}
