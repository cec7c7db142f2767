"""Lengths of time as people write them: ``90s``, ``15m``, ``1h``, or a number of seconds."""

import re

LONGEST = 12 * 3600
FORMS = "must be a time such as 90s, 15m or 1h, or a number of seconds, at most 12h"

UNITS = {"h": 3600, "m": 60, "s": 1, "": 1}
WRITTEN = re.compile(r"([0-9]{1,5})([hms]?)", re.ASCII)


def parse_duration(value: object) -> float:
    """Return seconds, 1 to 12 hours.

    Raises:
        ValueError: it is anything else.
    """
    seconds = 0.0
    if isinstance(value, str) and (written := WRITTEN.fullmatch(value)):
        seconds = float(int(written[1]) * UNITS[written[2]])
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, LONGEST + 1))
    # The comparison also refuses NaN.
    if not 1 <= seconds <= LONGEST:
        raise ValueError(FORMS)
    return seconds


def show_duration(seconds: float) -> str:
    """Write a length of time as briefly as it can be read: ``1h 30m``."""
    rest, parts = round(seconds), []
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
