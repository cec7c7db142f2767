"""The RadSec section: whom a certificate belongs to, and what must not be left open."""

from typing import Any

import pytest
from pydantic import ValidationError

from pushgate.sections.radius import RadiusSettings
from pushgate.sections.radsec import RadsecClient, RadsecSettings

FINGERPRINT = ":".join(["AB"] * 32)
FILES = {name: f"/etc/pushgate/{name}" for name in ("certificate_file", "key_file", "client_ca_file")}


def client(**keys: Any) -> RadsecClient:
    """Read a client."""
    return RadsecClient.model_validate({"name": "branch"} | keys)


def radsec(*clients: dict[str, Any], **keys: Any) -> RadsecSettings:
    """Read a section with these clients."""
    named = [{"name": f"c{number}"} | each for number, each in enumerate(clients)]
    return RadsecSettings.model_validate(FILES | {"clients": named} | keys)


@pytest.mark.parametrize(
    "name", ["proxy.branch.example", "Proxy-1", "_radsec.example", "192.0.2.1", "2001:db8::1", "urn:x:y"]
)
def test_names_are_read(name: str) -> None:
    """An administrator may write a DNS name, an address or a URI."""
    assert client(certificate_name=name).certificate_name == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("*.example.org", "whole name"),
        ("proxy.*", "whole name"),
        ("urn:*", "whole name"),
        ("proxy.example.org.", "DNS name"),
        ("proxy..example", "DNS name"),
        ("proxy example", "DNS name"),
        ("proxyXexample,org", "DNS name"),
        ("CN=proxy", "DNS name"),
        ("-proxy", "DNS name"),
        ("", "at least 1"),
    ],
)
def test_names_that_would_match_nothing_are_refused(name: str, hint: str) -> None:
    """An administrator who writes a pattern or a subject is told that only whole names are compared."""
    with pytest.raises(ValidationError, match=hint):
        client(certificate_name=name)


@pytest.mark.parametrize("text", [FINGERPRINT, f"sha256:{FINGERPRINT}", f"SHA256:{'ab' * 32}", "ab" * 32])
def test_fingerprints_are_read(text: str) -> None:
    """An administrator may paste a fingerprint as openssl prints it, or without colons."""
    assert client(certificate_fingerprint=text).certificate_fingerprint == "ab" * 32


@pytest.mark.parametrize(
    "text", ["", "ab" * 31, "ab" * 33, "sha1:" + "ab" * 20, "ab" * 20, "xy" * 32, f"{FINGERPRINT}:"]
)
def test_other_fingerprints_are_refused(text: str) -> None:
    """An administrator who pastes a SHA-1 or half a fingerprint is told what is wanted."""
    with pytest.raises(ValidationError):
        client(certificate_fingerprint=text)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"certificate_name": "a", "certificate_fingerprint": FINGERPRINT},
        {"certificate_name": "a", "certificate_common_name": "a"},
    ],
    ids=["nothing", "name and fingerprint", "two names"],
)
def test_a_client_is_known_by_one_thing(keys: dict[str, str]) -> None:
    """A client that is known by nothing, or by two things, is refused."""
    with pytest.raises(ValidationError, match="by one of certificate_name"):
        client(**keys)


@pytest.mark.parametrize("key", ["secret_file", "secret_env", "limit_proxy_state", "message_authenticator"])
def test_keys_of_udp_mean_nothing_here(key: str) -> None:
    """An administrator who gives a RadSec client a secret is told that it has none of its own."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        client(certificate_name="a", **{key: "x"})


def test_the_rest_is_as_for_udp() -> None:
    """A RadSec client takes the same keys for behaviour as another one, and the same checks."""
    known = client(certificate_name="a", preset="radsecproxy", mode="direct", nas_timeout=60, if_unreachable="accept")
    assert (known.window, known.preset) == (60, "radsecproxy")
    with pytest.raises(ValidationError, match="without nas_timeout"):
        client(certificate_name="a", nas_retries=2)


def test_two_clients_of_one_certificate_are_refused() -> None:
    """Two clients with one certificate would make it a matter of luck whose rules hold."""
    with pytest.raises(ValidationError, match=r"two clients have the same certificate: a\.example"):
        radsec({"certificate_name": "a.example"}, {"certificate_name": "A.example"})


def test_defaults() -> None:
    """An administrator who names files and clients alone listens on the port of the standard, on both IP versions."""
    section = radsec({"certificate_name": "a"})
    assert [(address.host, address.port) for address in section.listen] == [("0.0.0.0", 2083), ("::", 2083)]
    assert section.clients[0].address == []


def radius(**keys: Any) -> RadiusSettings:
    """Read a RADIUS section."""
    return RadiusSettings.model_validate({"listen": [], "first_factor": "none", "clients": []} | keys)


def test_radsec_may_be_all_there_is() -> None:
    """An administrator whose appliances all come by RadSec opens no UDP port; without RadSec that is a mistake."""
    section = FILES | {"clients": [{"name": "branch", "certificate_name": "a"}]}
    assert [each.name for each in radius(radsec=section).everybody()] == ["branch"]
    with pytest.raises(ValidationError, match="must not be empty without radsec"):
        radius()


def test_names_are_unique_over_both_ways() -> None:
    """A client by UDP and one by RadSec of the same name would have the same rules, so that is refused."""
    section = FILES | {"clients": [{"name": "vpn", "certificate_name": "a"}]}
    udp = {"name": "vpn", "address": "192.0.2.1", "secret_file": "/etc/pushgate/vpn.secret"}
    with pytest.raises(ValidationError, match="two clients have the same name: vpn"):
        radius(listen=["127.0.0.1:0"], clients=[udp], radsec=section)
