"""What is known of appliances."""

from typing import get_args

import pytest

from radius_server.attributes import TypedAttributes, load_definitions
from radius_server.origin import read_origin
from radius_server.presets import GENERIC, PRESETS, AddressSource
from radius_server.wire import encode_vendor_attribute

CALLING = (31, b"203.0.113.1")
TUNNEL = (66, b"203.0.113.2")
FRAMED = (8, bytes((203, 0, 113, 3)))
CISCO = encode_vendor_attribute(9, 1, b"ip:source-ip=203.0.113.4")
PALO_ALTO = encode_vendor_attribute(25461, 7, b"203.0.113.5")
ALL = (FRAMED, TUNNEL, CALLING, CISCO, PALO_ALTO)


def test_names() -> None:
    """Each family of appliances that an administrator may name is there under its own name."""
    assert {name: preset.name for name, preset in PRESETS.items()} == {name: name for name in PRESETS}
    assert set(PRESETS) == {
        *("generic", "cisco-asa", "fortigate", "paloalto", "pfsense-openvpn", "opnsense-openvpn", "ivanti"),
        *("netscaler", "mikrotik", "openvpn-as", "openvpn-auth-radius", "strongswan", "ocserv", "softether"),
        *("pam-radius", "squid", "wifi", "wired-8021x", "freeradius", "radsecproxy"),
    }


def test_sources_are_in_the_dictionary() -> None:
    """Every place where an address is looked for can be read."""
    assert set(get_args(AddressSource)) - {"cisco-source-ip"} <= set(load_definitions())


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("generic", "203.0.113.5"),
        ("cisco-asa", "203.0.113.1"),
        ("fortigate", "203.0.113.1"),
        ("paloalto", "203.0.113.5"),
        ("pfsense-openvpn", None),
        ("opnsense-openvpn", None),
        ("ivanti", "203.0.113.2"),
        ("wifi", None),
        ("wired-8021x", None),
        ("squid", None),
        ("pam-radius", "203.0.113.1"),
        ("freeradius", "203.0.113.5"),
    ],
)
def test_first_source(preset: str, expected: str | None) -> None:
    """With every attribute in the request, each family's own place tells the address, or none does."""
    assert read_origin(TypedAttributes(ALL), PRESETS[preset].origin, ()).address == expected


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_inner_address_is_the_persons_at_fortigates_alone(name: str) -> None:
    """The address inside of the tunnel becomes the person's for no appliance but a FortiGate."""
    expected = "203.0.113.3" if name == "fortigate" else None
    assert read_origin(TypedAttributes((FRAMED,)), PRESETS[name].origin, ()).address == expected


def test_a_firewalls_own_address_is_not_the_persons() -> None:
    """A pfSense, which sends its own address and port as Calling-Station-Id, tells no address."""
    attributes = TypedAttributes(((31, b"198.51.100.1:1194"),))
    assert read_origin(attributes, PRESETS["pfsense-openvpn"].origin, ()).address is None
    assert read_origin(attributes, GENERIC.origin, ()).address == "198.51.100.1"


def test_windows() -> None:
    """Factory times are the sum of the waits at one server."""
    assert {name: preset.window for name, preset in PRESETS.items() if preset.window is not None} == pytest.approx(
        {
            "cisco-asa": 10,
            "fortigate": 5,
            "paloalto": 9,
            "pfsense-openvpn": 5,
            "opnsense-openvpn": 30,
            "netscaler": 3,
            "mikrotik": 0.3,
            "openvpn-auth-radius": 1,
            "strongswan": 14.2,
            "ocserv": 40,
            "softether": 15,
            "pam-radius": 3,
            "squid": 10,
            "wired-8021x": 30,
            "freeradius": 20,
            "radsecproxy": 10,
        }
    )


def test_gtc_only_where_the_way_is_protected() -> None:
    """EAP-GTC, which shows the password to whoever listens, is ended for IKEv2 and cables alone, never for radio."""
    assert {name: preset.gtc_rounds for name, preset in PRESETS.items() if preset.eap_gtc} == {
        "strongswan": 8,
        "wired-8021x": 1,
    }


def test_each_says_how_it_sends_pap() -> None:
    """An administrator whose appliance sends another scheme is told something to do, whatever the appliance is."""
    assert [name for name, preset in PRESETS.items() if not preset.pap_hint] == []
