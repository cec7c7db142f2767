"""The first factor's section: every form, and the faults of each."""

import re
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pushgate.firstfactor.ldap_session import filter_fault
from pushgate.sections.firstfactor import (
    FirstFactorSettings,
    LdapFirstFactor,
    PamFirstFactor,
    RadiusFirstFactor,
    UpstreamServer,
)
from pushgate.yamlfile import load_with_lines
from tests.support.project import ROOT

ADAPTER: TypeAdapter[Any] = TypeAdapter(FirstFactorSettings)
LDAP = {
    "type": "ldap",
    "servers": ["ldaps://dc1.example.org", "ldap://[2001:db8::1]:1389"],
    "bind_dn": "cn=search,dc=example,dc=org",
    "bind_password_file": "/etc/pushgate/ldap.secret",
    "base_dn": "dc=example,dc=org",
    "user_filter": "(uid={user})",
}
RADIUS = {
    "type": "radius",
    "servers": [{"host": "radius1.example.org", "secret_file": "/etc/pushgate/upstream.secret"}],
}


def faults(data: Any) -> list[tuple[str, str]]:
    """The place and text of each fault."""
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(data)
    return [(".".join(str(part) for part in fault["loc"]), fault["msg"]) for fault in caught.value.errors()]


@pytest.mark.parametrize("word", ["none", "provider"])
def test_two_first_factors_are_words(word: str) -> None:
    """An administrator writes a first factor that needs no settings as a word."""
    assert ADAPTER.validate_python(word) == word


@pytest.mark.parametrize(
    ("data", "model"), [({"type": "pam"}, PamFirstFactor), (LDAP, LdapFirstFactor), (RADIUS, RadiusFirstFactor)]
)
def test_the_others_are_sections(data: Any, model: type) -> None:
    """An administrator writes the others with what they need alone."""
    settings = ADAPTER.validate_python(data)
    assert isinstance(settings, model)
    assert ADAPTER.validate_python(settings) == settings


@pytest.mark.parametrize("data", ["pam", "", 5, None, [], {}, {"type": "kerberos"}, {"type": "none"}])
def test_any_other_form_is_one_fault(data: Any) -> None:
    """An administrator who writes something else reads what there is, once."""
    assert len(faults(data)) == 1


def test_servers_are_read() -> None:
    """An administrator writes servers as addresses; ports follow from the scheme."""
    servers = ADAPTER.validate_python(LDAP).servers
    assert [(server.host, server.port, server.ldaps) for server in servers] == [
        ("dc1.example.org", 636, True),
        ("2001:db8::1", 1389, False),
    ]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"servers": []}, "ldap.servers"),
        ({"servers": ["dc1.example.org"]}, "ldap.servers.0"),
        ({"servers": ["https://dc1.example.org"]}, "ldap.servers.0"),
        ({"servers": ["ldaps://dc1/dc=example"]}, "ldap.servers.0"),
        ({"servers": ["ldaps://user:word@dc1"]}, "ldap.servers.0"),
        ({"servers": ["ldaps://dc1:99999"]}, "ldap.servers.0"),
        ({"servers": ["ldaps://dc1:0"]}, "ldap.servers.0"),
        ({"servers": ["ldaps://"]}, "ldap.servers.0"),
        ({"plaintext": True}, "ldap"),
        ({"plaintext": True, "servers": ["ldap://127.0.0.1", "ldap://dc1"]}, "ldap"),
        ({"plaintext": True, "servers": ["ldap://127.0.0.1.evil.example"]}, "ldap"),
        ({"ca_file": "ca.pem"}, "ldap.ca_file"),
        ({"bind_dn": "search"}, "ldap.bind_dn"),
        ({"bind_password_file": None}, "ldap.bind_password_file"),
        ({"base_dn": ""}, "ldap.base_dn"),
        ({"user_filter": "(uid=alice)"}, "ldap.user_filter"),
        ({"group_filter": "(objectClass=group)"}, "ldap.group_filter"),
        ({"group_attribute": "member)(of"}, "ldap.group_attribute"),
        ({"group_attribute": "memberOf", "group_filter": "(member={dn})"}, "ldap"),
        ({"group_base_dn": "ou=groups"}, "ldap"),
        ({"timeout": 0}, "ldap.timeout"),
        ({"threads": 0}, "ldap.threads"),
        ({"tls": False}, "ldap.tls"),
    ],
)
def test_each_mistake_of_a_directory_names_its_key(change: dict[str, Any], place: str) -> None:
    """An administrator who makes one mistake reads one fault, at its key."""
    assert [found[0] for found in faults({**LDAP, **change})] == [place]


def test_plaintext_to_this_machine_is_allowed() -> None:
    """An administrator whose directory is on the same machine may do without TLS."""
    servers = ["ldap://127.0.0.1:389", "ldap://localhost", "ldap://[::1]"]
    assert ADAPTER.validate_python({**LDAP, "servers": servers, "plaintext": True}).plaintext


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"service": "../shadow"}, "pam.service"),
        ({"service": "Login"}, "pam.service"),
        ({"service": ".."}, "pam.service"),
        ({"workers": 17}, "pam.workers"),
        ({"workers": 0}, "pam.workers"),
        ({"timeout": 61}, "pam.timeout"),
    ],
)
def test_each_mistake_of_pam_names_its_key(change: dict[str, Any], place: str) -> None:
    """An administrator cannot name a file outside of the folder of PAM services, nor any number of processes."""
    assert [found[0] for found in faults({"type": "pam", **change})] == [place]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"servers": []}, "radius.servers"),
        ({"servers": [{"host": "a b", "secret_file": "/x"}]}, "radius.servers.0.host"),
        ({"servers": [{"host": "a", "port": 0, "secret_file": "/x"}]}, "radius.servers.0.port"),
        ({"servers": [{"host": "a", "secret": "word"}]}, "radius.servers.0.secret_file"),
        (
            {"servers": [{"host": "a", "secret_file": "/x", "message_authenticator": "off"}]},
            "radius.servers.0.message_authenticator",
        ),
        ({"timeout": 0}, "radius.timeout"),
        ({"tries": 11}, "radius.tries"),
    ],
)
def test_each_mistake_of_an_upstream_server_names_its_key(change: dict[str, Any], place: str) -> None:
    """An administrator who makes a mistake about an upstream server is shown the server and the key."""
    assert place in [found[0] for found in faults({**RADIUS, **change})]


PAGE = (ROOT / "docs" / "first-factors.md").read_text()


@pytest.mark.parametrize(
    ("section", "model"), [("pam", PamFirstFactor), ("ldap", LdapFirstFactor), ("radius", RadiusFirstFactor)]
)
def test_every_key_is_documented_with_its_default(section: str, model: type[BaseModel]) -> None:
    """An administrator finds every key of a first factor with its default, and no other, in its section of the page."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([a-z_.]+)` \| (\S+?) \|", text, flags=re.MULTILINE)
    expected = {name: shown(field) for name, field in model.model_fields.items() if name != "type"}
    if model is RadiusFirstFactor:
        expected |= {f"servers.{name}": shown(field) for name, field in UpstreamServer.model_fields.items()}
    assert dict(documented) == expected


def shown(field: FieldInfo) -> str:
    """A default as the page writes it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "none" if value is None else str(value).lower()


def test_the_examples_of_the_page_are_good() -> None:
    """An administrator can copy every example of the page."""
    examples = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        data, _ = load_with_lines("example", example.encode())
        settings = ADAPTER.validate_python(data["first_factor"])
        if isinstance(settings, LdapFirstFactor):
            assert not any(filter_fault(text) for text in (settings.user_filter, settings.group_filter or "(a=b)"))
