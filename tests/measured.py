"""The variables by which coverage follows a child whose environment is otherwise clean."""

import os


def measured() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
