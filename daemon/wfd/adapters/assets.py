"""Prompt templates and policies: those that ship, and those that a user has dropped beside."""

import os
from pathlib import Path

import wfd

_CHECKOUT = Path(wfd.__file__).parents[2]  # an editable install copies assets only once
_SHIPPED = Path(wfd.__file__).parent / "_shipped"


def shipped(name: str) -> Path:
    """A folder or file that comes with wfd, from the checkout before the installed copy."""
    beside = _CHECKOUT / name
    is_checkout = (_CHECKOUT / "daemon" / "wfd").is_dir() and beside.exists()
    return beside if is_checkout else _SHIPPED / name


def user_dir() -> Path:
    """WFD_CONFIG_DIR, or the platform's own folder for a user's configuration."""
    if named := os.environ.get("WFD_CONFIG_DIR"):
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("wfd", appauthor=False)


def policy_file() -> Path:
    own = user_dir() / "policies" / "default.yaml"
    return own if own.exists() else shipped("policies") / "default.yaml"
