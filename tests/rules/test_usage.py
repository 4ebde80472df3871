"""A run's own share of what its session used."""

from wfd.domain.outcome import Usage
from wfd.rules.usage import own_share


def test_it_is_what_was_told_without_what_came_before() -> None:
    assert own_share(Usage(2500, 700, 50), Usage(1000, 100, 20)) == Usage(1500, 600, 30)


def test_it_is_all_where_nothing_came_before() -> None:
    assert own_share(Usage(2500, 700, 50), Usage()) == Usage(2500, 700, 50)


def test_it_is_never_below_zero() -> None:
    assert own_share(Usage(10, 10, 10), Usage(1000, 100, 20)) == Usage(0, 0, 0)


def test_what_was_not_told_stays_untold() -> None:
    assert own_share(Usage(None, 700, None), Usage(1000, None, 20)) == Usage(None, 700, None)
