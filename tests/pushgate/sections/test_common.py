"""Types that sections share: addresses and ports."""

from pathlib import Path

import pytest

from pushgate.sections.common import plain_ip_address
from tests.support.settings import GOOD, faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"127.0.0.1:1812"', '"localhost:1812"', "radius.listen.0"),
        ('"127.0.0.1:1812"', '"127.0.0.1"', "radius.listen.0"),
        ('"127.0.0.1:1812"', '"127.0.0.1:99999"', "radius.listen.0"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake in an address is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]


@pytest.mark.parametrize(
    ("written", "plain"),
    [("203.0.113.7", "203.0.113.7"), ("2001:DB8:0::7", "2001:db8::7"), ("::ffff:203.0.113.7", "203.0.113.7")],
)
def test_an_address_has_one_form(written: str, plain: str) -> None:
    """An address is compared in the form in which front ends write it."""
    assert plain_ip_address(written) == plain


@pytest.mark.parametrize("written", ["", "web1", "203.0.113.7/32", "203.0.113.07", "fe80::1%eth0", " ::1", 5, None, []])
def test_what_is_no_address_is_refused(written: object) -> None:
    """Whatever is not exactly one address is refused, numbers too."""
    with pytest.raises(ValueError, match="must be an IP address"):
        plain_ip_address(written)
