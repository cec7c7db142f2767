"""Lengths of time as people write them."""

import pytest

from pushgate.durations import parse_duration, show_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("12h", 43_200), ("600", 600), (90, 90), (1.5, 1.5), (43_200, 43_200)],
)
def test_what_can_be_written(written: object, seconds: float) -> None:
    """An administrator writes seconds, minutes or hours."""
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "m",
            "0",
            "0s",
            "-5m",
            "1.5h",
            "15 m",
            " 15m",
            "15m\n",
            "15M",
            "1d",
            "1h30m",
            "\u0661\u0665m",
            "13h",
            "721m",
            "99999h",
        ),
        *(0, -1, 0.5, 43_201, 10**400, float("nan"), float("inf"), True, None, ["15m"], b"15m"),
    ],
)
def test_everything_else_is_refused(written: object) -> None:
    """A time that is none, less than a second or more than twelve hours is refused with what could be written."""
    with pytest.raises(ValueError, match="90s, 15m or 1h"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0s"), (59, "59s"), (60, "1m"), (5400, "1h 30m"), (3601, "1h 1s"), (43_200, "12h")],
)
def test_how_it_is_shown(seconds: float, shown: str) -> None:
    """A person reads a time in the units of the configuration file."""
    assert show_duration(seconds) == shown
