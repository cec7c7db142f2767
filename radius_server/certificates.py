"""Who a TLS certificate belongs to: the names that it bears, and the client that one of them is configured for.

RFC 6614 section 2.3: a client is known by a name in subjectAltName, or by the fingerprint of its certificate. Names
are compared whole, never as patterns: a certificate for ``*.example.org`` is nobody's.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from pushgate.errors import BadMessageError, ConfigurationError, PushgateError
from radius_server.clients import Client, IPAddress, Network

SECRET = b"radsec"
"""RFC 6614 section 2.3: for the places in which RADIUS hides or proves something with MD5."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing by which a certificate can be told from others."""

    kind: Literal["dns", "ip", "uri", "common_name", "sha256"]
    value: str

    @classmethod
    def of_name(cls, name: str) -> "Mark":
        """Read an alternative name as it stands in the configuration: an address, a URI or a DNS name."""
        try:
            return cls("ip", str(ipaddress.ip_address(name)))
        except ValueError:
            # A colon cannot stand in a DNS name, and every URI has one behind its scheme.
            return cls("uri", name) if ":" in name else cls("dns", name.lower())

    @classmethod
    def of_fingerprint(cls, fingerprint: str) -> "Mark":
        """Read the SHA-256 of a certificate in hexadecimal, as openssl prints it or without colons."""
        return cls("sha256", fingerprint.replace(":", "").lower())


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a verified certificate says of its owner."""

    marks: frozenset[Mark]
    not_after: datetime


def read_certificate(der: bytes) -> PeerCertificate:
    """Read the certificate that a peer has proved to be its own.

    Raises:
        BadMessageError: it cannot be read, although it was accepted in the handshake.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = alternative_names(certificate)
        common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        # Its parser is stricter than OpenSSL's.
        raise BadMessageError("certificate_unreadable") from None
    marks = {Mark("sha256", hashlib.sha256(der).hexdigest()), *names}
    # RFC 6614 section 2.3: where there are alternative names, the common name does not count.
    if not names and len(common_names) == 1:
        marks.add(Mark("common_name", str(common_names[0].value)))
    return PeerCertificate(frozenset(marks), certificate.not_valid_after_utc)


def alternative_names(certificate: x509.Certificate) -> set[Mark]:
    """Return the names in subjectAltName that a client can be configured by.

    Raises:
        ValueError: the extension cannot be read; or x509's own exceptions, which are no ValueErrors.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    marks = {Mark("dns", name.lower()) for name in names.get_values_for_type(x509.DNSName)}
    marks |= {Mark("uri", name) for name in names.get_values_for_type(x509.UniformResourceIdentifier)}
    return marks | {Mark("ip", str(address)) for address in names.get_values_for_type(x509.IPAddress)}


@dataclass(frozen=True, slots=True)
class RadsecClient:
    """A client that is known by its certificate."""

    client: Client
    mark: Mark
    networks: tuple[Network, ...] = ()
    """Where it may connect from; none: from everywhere."""

    def allows(self, source: IPAddress) -> bool:
        """Whether it may connect from this address."""
        return not self.networks or any(source in network for network in self.networks)


class CertificateTable:
    """Finds the client of a certificate."""

    def __init__(self, clients: Sequence[RadsecClient]) -> None:
        """Take the clients.

        Raises:
            ConfigurationError: two are told apart by nothing.
        """
        self.by_mark = {known.mark: secured(known) for known in clients}
        if len(self.by_mark) < len(clients):
            marks = [known.mark for known in clients]
            twice = sorted({mark.value for mark in marks if marks.count(mark) > 1})
            message = f"two clients under radius.radsec have the same certificate: {', '.join(twice)}"
            raise ConfigurationError([PushgateError(message, "give each its own")])

    def allows(self, source: IPAddress) -> bool:
        """Whether any client may connect from this address."""
        return any(known.allows(source) for known in self.by_mark.values())

    def find(self, certificate: PeerCertificate, source: IPAddress) -> Client:
        """Return the client whose certificate this is.

        Raises:
            BadMessageError: it is nobody's, or more than one client's, or connects from elsewhere.
        """
        found = [self.by_mark[mark] for mark in certificate.marks if mark in self.by_mark]
        pinned = [known for known in found if known.mark.kind == "sha256"]
        clients = pinned or found
        if not clients:
            raise BadMessageError("unknown_certificate", shown(certificate))
        if len(clients) > 1:
            # Whose rules would hold? A certificate with two names can be told by its fingerprint.
            raise BadMessageError("ambiguous_certificate", shown(certificate))
        if not clients[0].allows(source):
            raise BadMessageError("other_network", clients[0].client.name)
        return clients[0].client


def secured(known: RadsecClient) -> RadsecClient:
    """Give a client the secret that all have here; what a packet's own proofs are for, TLS does."""
    return replace(known, client=replace(known.client, secret=SECRET, limit_proxy_state=False))


def shown(certificate: PeerCertificate) -> str:
    """Write what a certificate could be configured by, for the administrator."""
    return ", ".join(sorted(f"{mark.kind} {mark.value}" for mark in certificate.marks))
