"""One RADIUS client as the configuration describes it."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from pushgate.sections.radius_client import PresetName, RadiusClient
from radius_server.presets import PRESETS
from tests.support.settings import GOOD, faults, load

LEAST: dict[str, Any] = {"name": "vpn", "address": "192.0.2.1", "secret_file": "/etc/pushgate/vpn.secret"}


def client(**keys: Any) -> RadiusClient:
    """Read a client with these keys beside the ones that it needs."""
    return RadiusClient.model_validate(LEAST | keys)


def test_presets_are_those_of_the_front_end() -> None:
    """An administrator may name exactly the presets that the front end has."""
    assert sorted(get_args(PresetName)) == sorted(PRESETS)


def test_several_networks() -> None:
    """A client may have one network or several, of both IP versions."""
    assert client().address == [ip_network("192.0.2.1/32")]
    both = ["192.0.2.0/24", "2001:db8::/64"]
    assert client(address=both).address == [ip_network(text) for text in both]


@pytest.mark.parametrize(
    ("keys", "window"),
    [({}, None), ({"nas_timeout": 60}, 60), ({"nas_timeout": 10, "nas_retries": 2}, 30)],
)
def test_window(keys: dict[str, Any], window: float | None) -> None:
    """How long the appliance waits in all is the time of one try, for each try."""
    assert client(**keys).window == window


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("message_authenticator", False, "off"),
        ("number", False, "off"),
        ("abandon_after", False, "off"),
        ("append_separator", False, ""),
        ("append_separator", "off", ""),
        ("append_separator", "::", "::"),
    ],
)
def test_off_needs_no_quotes(key: str, value: Any, expected: str) -> None:
    """An administrator who writes off is understood, though YAML reads it as false."""
    assert getattr(client(**{key: value}), key) == expected


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"address": []}, "address"),
        ({"address": "192.0.2.1/24"}, "address"),
        ({"address": ["192.0.2.1", "vpn.example.org"]}, "address"),
        ({"secret_file": None}, ""),
        ({"secret_env": "VPN_SECRET"}, ""),
        ({"secret_file": None, "secret_env": "VPN SECRET"}, "secret_env"),
        ({"secret_file": "vpn.secret"}, "secret_file"),
        ({"nas_retries": 2}, ""),
        ({"two_attempts": 60, "mode": "challenge"}, ""),
        ({"two_attempts": 60, "mode": "hybrid"}, ""),
        ({"two_attempts": 5}, "two_attempts"),
        ({"two_attempts": "16m"}, "two_attempts"),
        ({"nas_timeout": 60, "nas_retries": -1}, "nas_retries"),
        ({"nas_timeout": 0}, "nas_timeout"),
        ({"preset": "netscreen"}, "preset"),
        ({"mode": "blocking"}, "mode"),
        ({"append_separator": ""}, "append_separator"),
        ({"append_separator": "1"}, "append_separator"),
        ({"append_separator": "push"}, "append_separator"),
        ({"append_separator": " "}, "append_separator"),
        ({"append_separator": "\n"}, "append_separator"),
        ({"append_separator": ",,,,,"}, "append_separator"),
        ({"append_separator": 0}, "append_separator"),
        ({"nas_identifier": ""}, "nas_identifier"),
        ({"exempt_users": "alice"}, "exempt_users"),
        ({"exempt_users": [""]}, "exempt_users.0"),
        ({"exempt_users": [True]}, "exempt_users.0"),
        ({"number": True}, "number"),
        ({"first_factor": "pam"}, "first_factor.word"),
        ({"reply_attributes": [{}]}, "reply_attributes.0.add"),
        ({"reply_attributes": [{"add": {}}]}, "reply_attributes.0.add"),
        ({"reply_attributes": [{"add": {"Class": True}}]}, "reply_attributes.0.add.Class"),
        ({"reply_attributes": [{"add": {"Class": 1.5}}]}, "reply_attributes.0.add.Class"),
        ({"reply_attributes": [{"add": {"Class": None}}]}, "reply_attributes.0.add.Class"),
        ({"reply_attributes": [{"add": {"Class": []}}]}, "reply_attributes.0.add.Class"),
        ({"reply_attributes": [{"add": {"Class": [["x"]]}}]}, "reply_attributes.0.add.Class"),
        ({"reply_attributes": [{"add": {"Class": {"x": "y"}}}]}, "reply_attributes.0.add.Class"),
        ({"reply_attributes": [{"groups": [], "add": {"Class": "x"}}]}, "reply_attributes.0.groups"),
        ({"reply_attributes": [{"factors": ["sms"], "add": {"Class": "x"}}]}, "reply_attributes.0.factors.0"),
        ({"reply_attributes": [{"realm": "x", "add": {"Class": "x"}}]}, "reply_attributes.0.realm"),
    ],
)
def test_each_mistake_names_its_key(keys: dict[str, Any], place: str) -> None:
    """An administrator who makes one mistake in a client is shown its key, and nothing else."""
    with pytest.raises(ValidationError) as caught:
        client(**keys)
    assert [".".join(str(part) for part in fault["loc"]) for fault in caught.value.errors()] == [place]


def test_values_keep_their_type() -> None:
    """A number stays a number and text stays text: the type of the attribute decides what it becomes."""
    [rule] = client(
        reply_attributes=[{"add": {"Session-Timeout": 60, "Tunnel-Private-Group-Id:1": "42", "Class": ["a", "b"]}}]
    ).reply_attributes
    assert rule.add == {"Session-Timeout": [60], "Tunnel-Private-Group-Id:1": ["42"], "Class": ["a", "b"]}


def test_a_mistake_in_the_file_has_a_line(private_folder: Path) -> None:
    """An administrator finds a mistake in a client by file, line and key."""
    text = GOOD.replace("{name: vpn,", "{name: vpn, nas_retries: 2,")
    assert faults(private_folder, text) == [
        "pushgate.yaml:10: radius.clients.0: nas_retries says nothing without nas_timeout"
    ]
    assert load(private_folder, GOOD).radius is not None
