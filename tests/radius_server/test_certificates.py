"""Whose a certificate is."""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pushgate.errors import BadMessageError, ConfigurationError
from radius_server.certificates import CertificateTable, Mark, PeerCertificate, RadsecClient, read_certificate
from radius_server.clients import Network
from tests.support.radsec import client

KEY = ec.generate_private_key(ec.SECP256R1())
HERE = ipaddress.ip_address("192.0.2.7")
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
EDI_PARTY = b"\x30\x06\xa5\x04\x81\x02AB"
"""A kind of alternative name that OpenSSL takes and the library that reads certificates does not know."""


def der(*names: x509.GeneralName, common_names: tuple[str, ...] = ("branch",), raw: bytes | None = None) -> bytes:
    """Make a certificate with these alternative names, or with such an extension of other octets."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(UNTIL - timedelta(days=30))
        .not_valid_after(UNTIL)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if raw is not None:
        extension = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, raw)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def marks(*names: x509.GeneralName, **options: Any) -> set[Mark]:
    """Return what a certificate can be told by, but for its fingerprint."""
    certificate = read_certificate(der(*names, **options))
    return {mark for mark in certificate.marks if mark.kind != "sha256"}


def find(table: CertificateTable, certificate: bytes, source: str = "192.0.2.7") -> str:
    """Return the name of the client that a certificate belongs to, or the reason why it is nobody's."""
    try:
        return table.find(read_certificate(certificate), ipaddress.ip_address(source)).name
    except BadMessageError as error:
        return error.reason


def table(*wanted: str, networks: tuple[Network, ...] = ()) -> CertificateTable:
    """Return clients named c0, c1, ... that are known by these names."""
    return CertificateTable(
        [RadsecClient(client(f"c{place}"), Mark.of_name(name), networks) for place, name in enumerate(wanted)]
    )


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("Proxy.Branch.Example", Mark("dns", "proxy.branch.example")),
        ("192.0.2.1", Mark("ip", "192.0.2.1")),
        ("2001:DB8:0::1", Mark("ip", "2001:db8::1")),
        ("urn:radsec:Branch", Mark("uri", "urn:radsec:Branch")),
    ],
)
def test_a_configured_name_is_read(name: str, mark: Mark) -> None:
    """An administrator writes an address, a URI or a DNS name, and means that kind of alternative name."""
    assert Mark.of_name(name) == mark


def test_a_fingerprint_is_read_in_both_forms() -> None:
    """A fingerprint with colons and capitals, as openssl prints it, is the same as one without."""
    assert Mark.of_fingerprint("AB:CD:01") == Mark.of_fingerprint("abcd01") == Mark("sha256", "abcd01")


def test_every_kind_of_alternative_name_counts() -> None:
    """A certificate is known by each DNS name, address and URI in it, and not by its common name."""
    names = (
        x509.DNSName("Proxy.Example"),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.UniformResourceIdentifier("urn:radsec:branch"),
    )
    assert marks(*names) == {
        Mark("dns", "proxy.example"),
        Mark("ip", "2001:db8::1"),
        Mark("uri", "urn:radsec:branch"),
    }


def test_a_common_name_counts_only_where_there_is_no_other() -> None:
    """A certificate without alternative names is known by its one common name; with two of them by none."""
    assert marks() == {Mark("common_name", "branch")}
    assert marks(x509.DNSName("other.example")) == {Mark("dns", "other.example")}
    assert marks(common_names=("branch", "other")) == set()


def test_a_common_name_is_no_dns_name() -> None:
    """A client that is configured by DNS name is not found by a certificate that has it as common name."""
    assert find(table("proxy.example"), der(common_names=("proxy.example",))) == "unknown_certificate"


@pytest.mark.parametrize(
    "name",
    [
        "*.example.org",
        "*",
        "proxy.example.org.attacker.example",
        "attacker-proxy.example.org",
        "proxy.example.or",
        "example.org",
        "proxy.example.org.",
        "proxy.example.org\0.attacker.example",
        "proxy",
        "",
    ],
)
def test_names_are_compared_whole(name: str) -> None:
    """A certificate for a pattern, or for a name that only contains or begins the right one, is nobody's."""
    assert find(table("proxy.example.org"), der(x509.DNSName(name))) == "unknown_certificate"


def test_case_plays_no_part_in_dns_names() -> None:
    """A certificate whose DNS name is written in capitals is the same client's."""
    assert find(table("proxy.example"), der(x509.DNSName("PROXY.Example"))) == "c0"


def test_an_address_written_as_a_dns_name_is_none() -> None:
    """A certificate with a DNS name that reads like an address is not taken for the address."""
    assert find(table("192.0.2.1"), der(x509.DNSName("192.0.2.1"))) == "unknown_certificate"


def test_a_fingerprint_pins_one_certificate() -> None:
    """A client known by fingerprint is not found by another certificate of the same names."""
    own, other = der(x509.DNSName("proxy.example")), der(x509.DNSName("proxy.example"))
    digest = x509.load_der_x509_certificate(own).fingerprint(hashes.SHA256()).hex(":")
    known = CertificateTable([RadsecClient(client(), Mark.of_fingerprint(digest))])
    assert find(known, own) == "branch"
    assert find(known, other) == "unknown_certificate"


def test_a_fingerprint_wins_over_names() -> None:
    """A certificate that is pinned for one client and bears the name of another is the first one's."""
    own = der(x509.DNSName("c0.example"))
    pinned = Mark("sha256", x509.load_der_x509_certificate(own).fingerprint(hashes.SHA256()).hex())
    known = CertificateTable(
        [RadsecClient(client("named"), Mark.of_name("c0.example")), RadsecClient(client("pinned"), pinned)]
    )
    assert find(known, own) == "pinned"


def test_a_certificate_of_two_clients_is_refused() -> None:
    """A certificate that bears the names of two clients gets the rules of neither."""
    both = der(x509.DNSName("a.example"), x509.DNSName("b.example"))
    assert find(table("a.example", "b.example"), both) == "ambiguous_certificate"


def test_a_right_certificate_from_elsewhere_is_refused() -> None:
    """A stolen certificate is of no use outside the client's networks; there is no network where none is named."""
    networks = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32"))
    known, own = table("a.example", networks=networks), der(x509.DNSName("a.example"))
    assert find(known, own, "192.0.2.7") == "c0"
    assert find(known, own, "2001:db8::9") == "c0"
    assert find(known, own, "198.51.100.1") == "other_network"
    assert find(table("a.example"), own, "198.51.100.1") == "c0"
    assert [known.allows(ipaddress.ip_address(text)) for text in ("192.0.2.7", "203.0.113.1")] == [True, False]
    assert table("a.example").allows(ipaddress.ip_address("2001:db8::9"))


def test_clients_have_the_secret_of_the_standard() -> None:
    """A client is asked for no secret, and proxies may pass requests on that prove nothing themselves."""
    found = table("a.example").find(read_certificate(der(x509.DNSName("a.example"))), HERE)
    assert (found.secret, found.limit_proxy_state) == (b"radsec", False)


def test_two_clients_of_one_certificate_are_a_mistake() -> None:
    """An administrator who gives two clients the same name is told so at start."""
    with pytest.raises(ConfigurationError, match=r"a\.example"):
        table("a.example", "A.example")


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"garbage"])
def test_what_is_no_certificate_is_refused(octets: bytes) -> None:
    """Octets that are no certificate are refused with the documented word."""
    with pytest.raises(BadMessageError, match="certificate_unreadable"):
        read_certificate(octets)


@pytest.mark.parametrize(
    "raw", [b"", b"\x30\x03\x82\x05a", b"\x30\x04\x82\x02\xff\xfe", b"\x30\x06\x87\x04\x01\x02", EDI_PARTY]
)
def test_alternative_names_that_cannot_be_read_are_refused(raw: bytes) -> None:
    """A certificate with broken alternative names is refused, not taken for one without."""
    with pytest.raises(BadMessageError, match="certificate_unreadable"):
        read_certificate(der(raw=raw))


def test_the_end_of_a_certificate_is_known() -> None:
    """A certificate tells until when it holds, so that a connection does not outlive it."""
    assert read_certificate(der()).not_after == UNTIL


def test_what_was_shown_is_told() -> None:
    """An administrator reads in the refusal what to configure."""
    with pytest.raises(BadMessageError) as caught:
        table("a.example").find(PeerCertificate(frozenset({Mark("dns", "b.example")}), UNTIL), HERE)
    assert caught.value.message == "dns b.example"
