"""The RADIUS section becomes clients and rules."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import structlog

from pushgate.build_radius import client_rules, read_clients, warn_about
from pushgate.decision import Decision, Reason
from pushgate.errors import ConfigurationError
from pushgate.policy import Rule
from pushgate.sections.radius import RadiusSettings
from radius_server.clients import Client, NameRules
from radius_server.presets import GENERIC, PRESETS
from radius_server.reply_rules import attributes_for
from tests.support.gate import write_private

SECRET = b"0123456789abcdef0123456789abcdef"
ACCEPT = Decision(
    accept=True, reason=Reason.APPROVED, audit_id="a1", factor="push", groups=frozenset({"staff", "admins"})
)


@pytest.fixture
def secret(private_folder: Path) -> Path:
    """Write a good secret."""
    path = private_folder / "vpn.secret"
    write_private(path, SECRET + b"\n")
    return path


def radius(*clients: Mapping[str, Any], **keys: Any) -> RadiusSettings:
    """Read a RADIUS section with these clients."""
    return RadiusSettings.model_validate(
        {
            "listen": ["127.0.0.1:0"],
            "first_factor": "none",
            "clients": [
                {"name": f"c{number}", "address": f"192.0.2.{number}"} | dict(client)
                for number, client in enumerate(clients)
            ],
        }
        | keys
    )


def events(settings: RadiusSettings) -> list[tuple[str, Any]]:
    """What is warned about, with the client that it is about."""
    with structlog.testing.capture_logs() as logs:
        warn_about(settings)
    assert all(entry["log_level"] == "warning" and entry["hint"] for entry in logs)
    return [(entry["event"], entry.get("client", entry.get("clients"))) for entry in logs]


def problems(settings: RadiusSettings) -> list[str]:
    """What is wrong with the files and rules of a section."""
    with pytest.raises(ConfigurationError) as caught:
        read_clients(settings)
    assert all(problem.hint for problem in caught.value.problems)
    return [problem.message.rpartition("/")[2] for problem in caught.value.problems]


def test_the_least(secret: Path) -> None:
    """A client with name, address and secret is a careful client of no known make."""
    assert read_clients(radius({"secret_file": str(secret)})) == [
        Client("c0", ip_network("192.0.2.0/32"), SECRET, preset=GENERIC)
    ]


def test_every_key(secret: Path) -> None:
    """Each key of the configuration arrives where it is used, once for each network."""
    keys = {
        "name": "vpn",
        "address": ["192.0.2.0/24", "2001:db8::/64"],
        "secret_file": str(secret),
        "nas_identifier": "ssl",
        "group": "site",
        "message_authenticator": "required",
        "limit_proxy_state": False,
        "status_server": False,
        "preset": "strongswan",
        "mode": "challenge",
        "nas_timeout": 30,
        "nas_retries": 1,
        "join": "origin",
        "abandon_after": "learned",
        "eap_gtc": False,
        "strip_domain": True,
        "strip_realm": True,
        "fold_case": True,
        "password_encoding": "latin-1",
        "strip_nul": True,
        "probe_users": ["Probe"],
    }
    expected = [
        Client(
            name="vpn",
            network=ip_network(network),
            secret=SECRET,
            nas_identifier="ssl",
            group="site",
            message_authenticator="required",
            limit_proxy_state=False,
            status_server=False,
            preset=PRESETS["strongswan"],
            mode="challenge",
            window=60.0,
            join_by_origin=True,
            names=NameRules(strip_domain=True, strip_realm=True, fold_case=True),
            password_encoding="latin-1",
            strip_nul=True,
            probe_users=frozenset({"probe"}),
            eap_gtc=False,
            abandon=True,
        )
        for network in ("192.0.2.0/24", "2001:db8::/64")
    ]
    assert read_clients(radius(keys)) == expected


@pytest.mark.parametrize(
    ("keys", "mode", "eap_gtc"),
    [
        ({}, "direct", False),
        ({"preset": "fortigate"}, "hybrid", False),
        ({"preset": "fortigate", "mode": "direct"}, "direct", False),
        ({"preset": "mikrotik"}, "direct", False),
        ({"preset": "freeradius"}, "direct", False),
        ({"preset": "freeradius", "mode": "hybrid"}, "hybrid", False),
        ({"preset": "strongswan"}, "direct", True),
        ({"preset": "wifi", "eap_gtc": True}, "direct", True),
    ],
)
def test_presets_decide_what_is_not_written(secret: Path, keys: dict[str, Any], mode: str, eap_gtc: bool) -> None:
    """What the appliance can do decides how it is asked, unless the administrator decides."""
    [client] = read_clients(radius({"secret_file": str(secret)} | keys))
    assert (client.mode, client.eap_gtc) == (mode, eap_gtc)


def test_a_weak_message_authenticator_keeps_its_guard(secret: Path) -> None:
    """A client whose Message-Authenticator is off still may not send Proxy-State, unless that is permitted too."""
    found = read_clients(
        radius(
            {"secret_file": str(secret), "message_authenticator": "off"},
            {"secret_file": str(secret), "message_authenticator": "off", "limit_proxy_state": False},
        )
    )
    assert [client.limit_proxy_state for client in found] == [True, False]


def test_a_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret may come from an environment variable, as octets; missing and empty ones are refused by name."""
    settings = radius({"secret_env": "PUSHGATE_TEST_SECRET"})
    monkeypatch.setenv("PUSHGATE_TEST_SECRET", "s\udcff" + "x" * 20)
    assert read_clients(settings)[0].secret == b"s\xff" + b"x" * 20
    unusable = ["radius client 'c0': environment variable PUSHGATE_TEST_SECRET: is empty or not set"]
    monkeypatch.setenv("PUSHGATE_TEST_SECRET", "")
    assert problems(settings) == unusable
    monkeypatch.delenv("PUSHGATE_TEST_SECRET")
    assert problems(settings) == unusable


@pytest.mark.parametrize("sample", ["testing123", "secret", "radius", "xyzzy5461"])
def test_secrets_out_of_manuals_are_refused(sample: str, private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that everybody knows is refused, wherever it comes from; and it is not shown."""
    write_private(private_folder / "sample", sample.encode())
    monkeypatch.setenv("PUSHGATE_TEST_SECRET", sample)
    found = problems(radius({"secret_file": str(private_folder / "sample")}, {"secret_env": "PUSHGATE_TEST_SECRET"}))
    assert found == [
        "sample: holds a secret out of a manual",
        "radius client 'c1': environment variable PUSHGATE_TEST_SECRET: holds a secret out of a manual",
    ]


@pytest.mark.parametrize(("octets", "warned"), [(12, True), (13, False)])
def test_a_short_secret_is_warned_about(private_folder: Path, octets: int, warned: bool) -> None:
    """An administrator with a short shared secret is warned, and the client works."""
    write_private(private_folder / "short", b"x" * octets)
    with structlog.testing.capture_logs() as logs:
        assert len(read_clients(radius({"secret_file": str(private_folder / "short")}))) == 1
    assert [entry["event"] for entry in logs] == (["short_secret"] if warned else [])


def test_reply_attributes(secret: Path) -> None:
    """Rules of all clients come first; a client's own replace what they say."""
    general = [{"add": {"Session-Timeout": 28800, "Class": "pg-{audit_id}"}}]
    own = [{"groups": ["admins"], "factors": ["push", "code"], "add": {"Session-Timeout": 3600}}]
    settings = radius(
        {"secret_file": str(secret)},
        {"secret_file": str(secret), "reply_attributes": own},
        reply_attributes=general,
    )
    assert [attributes_for(client.reply_rules, ACCEPT) for client in read_clients(settings)] == [
        ((27, b"\0\0\x70\x80"), (25, b"pg-a1")),
        ((27, b"\0\0\x0e\x10"), (25, b"pg-a1")),
    ]


def test_every_fault_of_secrets_and_attributes_at_once(private_folder: Path, secret: Path) -> None:
    """An administrator hears of every unusable secret and attribute in one run, each with its place."""
    settings = radius(
        {"secret_file": str(private_folder / "missing")},
        {"secret_file": str(secret), "reply_attributes": [{"add": {"Filter-Id": "ok"}}, {"add": {"State": "x"}}]},
        reply_attributes=[{"add": {"Filter-ID": "x"}}],
    )
    assert problems(settings) == [
        "radius: reply_attributes.0.add.Filter-ID: is in no dictionary",
        "missing: cannot be read (no such file or directory)",
        "radius client 'c1': reply_attributes.1.add.State: has no place in an Access-Accept of ours",
    ]


def test_rules_of_policy() -> None:
    """Each client is a service whose rule says what its section says."""
    settings = radius(
        {"secret_env": "X"},
        {
            "name": "vpn",
            "secret_env": "X",
            "if_unreachable": "accept",
            "fold_case": True,
            "exempt_users": ["Break-Glass"],
            "exempt_groups": ["Robots"],
            "append_separator": ":",
            "password_may_contain_separator": True,
            "number": "required",
            "two_attempts": "2m",
        },
        {"secret_env": "X", "number": False, "append_separator": False},
    )
    assert client_rules(settings) == {
        "c0": Rule(number="optional"),
        "vpn": Rule(
            accept_if_unreachable=True,
            exempt_users=frozenset({"break-glass"}),
            exempt_groups=frozenset({"Robots"}),
            append_separator=":",
            password_may_contain_separator=True,
            number="required",
            two_attempts=120,
        ),
        "c2": Rule(append_separator="", number="off"),
    }


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"preset": "fortigate"}, []),
        ({"preset": "fortigate", "mode": "direct"}, ["short_window"]),
        ({"preset": "fortigate", "mode": "direct", "nas_timeout": 60}, []),
        ({"preset": "mikrotik"}, ["short_window"]),
        ({"nas_timeout": 9.9}, ["short_window"]),
        ({"nas_timeout": 10}, []),
        ({"nas_timeout": 5, "nas_retries": 1}, []),
        ({"preset": "mikrotik", "mode": "hybrid", "nas_timeout": 60}, ["challenge_not_shown"]),
        ({"preset": "softether", "mode": "challenge"}, ["challenge_not_shown"]),
        ({"preset": "freeradius", "mode": "hybrid"}, []),
        ({"mode": "challenge"}, []),
        ({"mode": "direct", "fallback": ["break_glass", "offline_totp"]}, ["codes_not_typed"]),
        ({"preset": "strongswan", "fallback": ["break_glass"]}, ["codes_not_typed"]),
        ({"preset": "strongswan", "fallback": ["offline_totp"]}, []),
        ({"mode": "challenge", "fallback": ["break_glass"]}, []),
        ({"preset": "wifi", "eap_gtc": True}, ["gtc_unprotected"]),
        ({"preset": "strongswan", "eap_gtc": True}, []),
        ({"exempt_users": ["robot"]}, ["exempt_without_password"]),
        ({"exempt_groups": ["robots"]}, ["groups_unknown"]),
        ({"reply_attributes": [{"groups": ["x"], "add": {"Class": "x"}}]}, ["groups_unknown"]),
        ({"reply_attributes": [{"add": {"Class": "x"}}]}, []),
    ],
)
def test_what_is_probably_not_meant(keys: dict[str, Any], expected: list[str]) -> None:
    """An administrator is warned about what works otherwise than it looks, for the client that it is about."""
    settings = radius({"secret_env": "X", "message_authenticator": "required"} | keys)
    assert events(settings) == [(event, "c0") for event in expected]


def test_a_client_with_codes_never_fails_open() -> None:
    """An administrator whose client asks for codes in an outage does not let people in without one."""
    opening = {"secret_env": "X", "if_unreachable": "accept"}
    rules = client_rules(radius(opening, opening | {"fallback": ["offline_totp"]}), stepping=["c1"])
    assert [(rule.accept_if_unreachable, rule.has_fallback) for rule in rules.values()] == [
        (True, False),
        (False, True),
    ]


def test_what_is_learned_and_forgotten(private_folder: Path) -> None:
    """An administrator is told once that a restart makes clients in mode auto trustful again."""
    clients = ({"secret_env": "X"}, {"secret_env": "X"}, {"secret_env": "X", "message_authenticator": "required"})
    assert events(radius(*clients)) == [("signers_not_kept", 2)]
    assert events(radius(*clients, state_folder=str(private_folder))) == []
    assert events(radius(clients[2])) == []
