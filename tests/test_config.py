"""What may stand in the configuration, and what is refused."""

import pytest

from wfd.config import Config
from wfd.domain.errors import BadConfig
from wfd.layers import Layer, for_repository, load

SECRET = "sk-ant-123-T0PSECRET"


def refused(**keys: object) -> str:
    with pytest.raises(BadConfig) as told:
        load([Layer("f", keys)])
    return str(told.value)


@pytest.mark.parametrize(
    "env",
    [
        {"A": SECRET},
        {SECRET: "A"},
        {SECRET: None},
        {"A": ""},
        {"A": [SECRET]},
        {SECRET: 5},
        {"A": "WORK_KEY", "B": SECRET},
        SECRET,
    ],
)
def test_the_env_of_an_ai_holds_names_of_variables_and_a_secret_in_it_is_not_repeated(
    env: object,
) -> None:
    told = refused(ais={"x": {"harness": "sim", "env": env}})
    assert "'ais.x.env'" in told
    assert "T0PSECRET" not in told


@pytest.mark.parametrize("env", [[SECRET], ["A", SECRET], ["A=B"], [""], [[SECRET]], SECRET])
def test_the_env_of_a_harness_holds_names_and_a_secret_in_it_is_not_repeated(env: object) -> None:
    told = refused(harnesses={"sim": {"env": env}})
    assert "'harnesses.sim.env'" in told
    assert "T0PSECRET" not in told


def test_names_of_variables_may_stand_in_an_env() -> None:
    config = load([
        Layer("f", {
            "ais": {"x": {"harness": "sim", "env": {"ANTHROPIC_API_KEY": "WORK_KEY", "_b2": None}}},
            "harnesses": {"sim": {"env": ["HTTPS_PROXY", "COVERAGE_*", "*"]}},
        })
    ])  # fmt: skip
    assert config.ais["x"].env == {"ANTHROPIC_API_KEY": "WORK_KEY", "_b2": None}


@pytest.mark.parametrize("command", ["", "  ", "\n"])
def test_a_check_without_a_command_is_refused_since_it_would_always_be_green(command: str) -> None:
    told = refused(checks={"unit": command})
    assert "'checks.unit'" in told
    assert "always green" in told


@pytest.mark.parametrize(
    "name", ["", ".", "../../evil", "a/b", "a\\b", "-x", " ", "a\nb", "a" * 65]
)
def test_a_check_has_a_plain_name(name: str) -> None:
    assert "a check's name begins with" in refused(checks={name: "true"})


@pytest.mark.parametrize("name", ["unit", "unit tests", "lint:js", "prüfung (kurz)", "3.11", "a_b"])
def test_a_plain_name_may_have_spaces_and_signs(name: str) -> None:
    assert load([Layer("f", {"checks": {name: "true"}})]).checks == {name: "true"}


def test_a_repositorys_file_is_held_to_the_same() -> None:
    for text in ('{"checks": {"../x": "true"}}', '{"checks": {"x": ""}}'):
        with pytest.raises(BadConfig, match=r"^here: 'checks\."):
            for_repository(Config(), text, "here")


@pytest.mark.parametrize("name", ["", "two words", "a,b"])
def test_a_default_that_can_name_no_ai_is_refused(name: str) -> None:
    assert "'harnessDefaults.default'" in refused(harnessDefaults={"default": name})
