"""Which variables checks and set-up commands may see."""

import pytest

from wfd.rules.environment import EVERYBODY, MODELS, matches, of_commands
from wfd_runners import harnesses
from wfd_runners.claude.harness import LOGIN
from wfd_runners.codex.harness import KEYS
from wfd_runners.gemini.login import VARIABLES


@pytest.mark.parametrize(
    "name",
    [
        "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_INDEX_URL", "UV_DEFAULT_INDEX",
        "npm_config_registry", "GOPROXY", "CARGO_REGISTRIES_MINE_INDEX", "JAVA_HOME", "GOPATH",
        "CARGO_HOME", "NVM_DIR", "XDG_CACHE_HOME", "LC_ALL", "TERM",
    ],
)  # fmt: skip
def test_what_a_real_build_needs_passes(name: str) -> None:
    assert of_commands({name: "value"}, [])[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        "NPM_TOKEN", "NODE_AUTH_TOKEN", "PIP_PASSWORD", "CARGO_REGISTRY_TOKEN",
        "CARGO_REGISTRIES_MINE_TOKEN", "UV_PUBLISH_TOKEN", "UV_INDEX_MINE_PASSWORD",
        "npm_config__authToken", "YARN_NPM_AUTH_TOKEN", "BUNDLE_GEMS__EXAMPLE__COM",
        "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "WFD_STATE_DIR", "VIRTUAL_ENV", "NODE_OPTIONS",
        "PYTHONPATH", "LD_PRELOAD",
    ],
)  # fmt: skip
def test_what_holds_a_secret_or_turns_a_program_round_does_not_pass(name: str) -> None:
    assert name not in of_commands({name: "value"}, [])


def test_what_the_repository_names_passes_in_full_or_by_a_pattern() -> None:
    own = {"DATABASE_URL": "1", "DATABASE_NAME": "2", "NPM_TOKEN": "3", "OTHER": "4"}

    seen = of_commands(own, ["DATABASE_*", "NPM_TOKEN"])

    assert own.keys() & seen.keys() == {"DATABASE_URL", "DATABASE_NAME", "NPM_TOKEN"}


def test_a_pattern_lets_no_login_of_a_model_through_and_its_full_name_does() -> None:
    own = {"OPENAI_API_KEY": "secret"}

    assert "OPENAI_API_KEY" not in of_commands(own, ["OPENAI_*", "O*"])
    assert of_commands(own, ["OPENAI_API_KEY"])["OPENAI_API_KEY"] == "secret"


def test_every_variable_with_a_key_of_a_harness_is_known_as_one() -> None:
    assert {"claude", "codex", "gemini"} <= harnesses().keys()
    logins = {*LOGIN, *KEYS, *(name for names in VARIABLES.values() for name in names)}
    keys = {name for name in logins if name.endswith(("_KEY", "_TOKEN"))}

    assert keys
    assert all(matches(name, MODELS) for name in keys)
    assert not any(matches(name, EVERYBODY) for name in keys)


def test_a_command_knows_that_nobody_watches_and_always_has_a_path() -> None:
    assert of_commands({}, []) == {"PATH": "/usr/local/bin:/usr/bin:/bin", "CI": "true"}
