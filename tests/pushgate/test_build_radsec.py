"""The RadSec section becomes certificates, limits and clients."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pushgate.build_radsec import build_radsec
from pushgate.clock import SystemClock
from pushgate.errors import ConfigurationError
from pushgate.sections.radius import RadiusSettings
from radius_server.certificates import Mark, PeerCertificate
from radius_server.clients import Client
from radius_server.presets import PRESETS
from radius_server.radsec import RadsecLimits, RadsecRules
from tests.support.radsec import BRANCH, Certificates

HERE = ip_address("192.0.2.7")


@pytest.fixture
def certificates(private_folder: Path) -> Certificates:
    """An authority and what it has issued."""
    return Certificates(private_folder)


def settings(certificates: Certificates, *clients: dict[str, Any], **keys: Any) -> RadiusSettings:
    """Read a section with these clients."""
    files = certificates.files
    radsec = {
        "certificate_file": str(files.certificate),
        "key_file": str(files.key),
        "client_ca_file": str(files.client_ca),
        "clients": [{"name": f"c{number}"} | client for number, client in enumerate(clients)],
    }
    return RadiusSettings.model_validate({"listen": [], "first_factor": "none", "clients": [], "radsec": radsec | keys})


def build(settings: RadiusSettings) -> RadsecRules:
    """Build what a section says."""
    rules = build_radsec(settings, SystemClock())
    assert rules is not None
    return rules


def problems(settings: RadiusSettings) -> list[str]:
    """What is wrong with the files and rules of a section."""
    with pytest.raises(ConfigurationError) as caught:
        build(settings)
    return [problem.message for problem in caught.value.problems]


def find(rules: RadsecRules, *marks: Mark) -> Client:
    """Return the client of a certificate."""
    branch = PeerCertificate(frozenset(marks), SystemClock().wall())
    return rules.certificates.find(branch, HERE)


def test_without_radsec_there_is_nothing() -> None:
    """An administrator who names no radsec gets none."""
    udp = {"name": "vpn", "address": "192.0.2.1", "secret_file": "/etc/pushgate/vpn.secret"}
    radius = {"listen": ["127.0.0.1:0"], "first_factor": "none", "clients": [udp]}
    assert build_radsec(RadiusSettings.model_validate(radius), SystemClock()) is None


def test_each_way_to_know_a_client(certificates: Certificates) -> None:
    """An administrator may name a client's certificate by name, common name or fingerprint."""
    rules = build(
        settings(
            certificates,
            {"certificate_name": BRANCH},
            {"certificate_common_name": "Old Proxy"},
            {"certificate_fingerprint": certificates.branch.fingerprint},
        )
    )
    assert find(rules, Mark("dns", BRANCH)).name == "c0"
    assert find(rules, Mark("common_name", "Old Proxy")).name == "c1"
    assert find(rules, Mark("sha256", certificates.branch.fingerprint)).name == "c2"


def test_a_client_behaves_as_configured(certificates: Certificates) -> None:
    """A client has the preset, mode, patience and rules that one by UDP would have, and the standard's secret."""
    keys = {"preset": "radsecproxy", "mode": "hybrid", "nas_timeout": 60, "reply_attributes": [{"add": {"Class": "x"}}]}
    found = find(build(settings(certificates, {"certificate_name": BRANCH} | keys)), Mark("dns", BRANCH))
    assert (found.preset, found.mode, found.window) == (PRESETS["radsecproxy"], "hybrid", 60)
    assert (found.secret, found.limit_proxy_state, found.message_authenticator) == (b"radsec", False, "auto")
    assert len(found.reply_rules) == 1


def test_networks_are_kept(certificates: Certificates) -> None:
    """A client with an address may connect from there alone."""
    rules = build(settings(certificates, {"certificate_name": BRANCH, "address": ["198.51.100.0/24", "2001:db8::/32"]}))
    assert [rules.certificates.allows(ip_address(text)) for text in ("198.51.100.7", "2001:db8::1", "192.0.2.7")] == [
        True,
        True,
        False,
    ]


def test_limits_are_handed_on(certificates: Certificates) -> None:
    """An administrator sets how many connections there may be, and for how long."""
    limits = {"max_connections": 7, "max_connections_per_client": 3, "idle_timeout": 30, "max_lifetime": 3600}
    assert build(settings(certificates, {"certificate_name": BRANCH}, **limits)).limits == RadsecLimits(7, 3, 30, 3600)


def test_every_fault_is_named(certificates: Certificates) -> None:
    """An administrator is told of a missing file and a wrong reply attribute together."""
    certificates.server.key.unlink()
    found = problems(
        settings(certificates, {"certificate_name": BRANCH, "reply_attributes": [{"add": {"No-Such-Attribute": "x"}}]})
    )
    assert len(found) == 2
    assert "No-Such-Attribute" in found[0]
    assert "radius.key" in found[1]


def test_a_wrong_reply_attribute_alone_is_a_fault(certificates: Certificates) -> None:
    """An administrator whose files are right is still told of a wrong reply attribute."""
    wrong = {"certificate_name": BRANCH, "reply_attributes": [{"add": {"No-Such-Attribute": "x"}}]}
    assert len(problems(settings(certificates, wrong))) == 1


def test_two_spellings_of_one_name(certificates: Certificates) -> None:
    """Two clients whose addresses are written differently and are the same are refused."""
    clients = [{"certificate_name": "2001:db8::1"}, {"certificate_name": "2001:DB8:0::1"}]
    assert problems(settings(certificates, *clients)) == [
        "two clients under radius.radsec have the same certificate: 2001:db8::1"
    ]
