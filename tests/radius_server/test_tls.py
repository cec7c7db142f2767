"""The files that TLS is made of, and what it allows."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from pushgate.errors import ConfigurationError
from radius_server.tls import TlsFiles, handshake_fault, load_tls, strict_context
from tests.support.certificates import CertificationAuthority
from tests.support.gate import write_private
from tests.support.radsec import Certificates


@pytest.fixture
def certificates(private_folder: Path) -> Certificates:
    """An authority and what it has issued."""
    return Certificates(private_folder)


def faults(files: TlsFiles) -> list[str]:
    """The faults of a set of files, each without the folder."""
    with pytest.raises(ConfigurationError) as caught:
        load_tls(files, datetime.now(UTC))
    assert all(problem.hint for problem in caught.value.problems)
    return [problem.message.replace(f"{files.key.parent}/", "") for problem in caught.value.problems]


def test_good_files(certificates: Certificates) -> None:
    """An administrator with good files gets a context that believes exactly the authorities in the file."""
    with capture_logs() as logs:
        tls = load_tls(certificates.files, datetime.now(UTC) - timedelta(days=20))
    authority = x509.load_pem_x509_certificate(certificates.ca.path.read_bytes())
    assert tls.authorities == {authority}
    assert tls.context.get_ca_certs(binary_form=True) == [authority.public_bytes(Encoding.DER)]
    assert logs == []


def test_only_strong_tls_is_spoken() -> None:
    """A client needs TLS 1.2 and a certificate, and can neither renegotiate nor resume a session."""
    context = strict_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_TICKET
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.num_tickets == 0


def test_the_environment_cannot_have_keys_written_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An SSLKEYLOGFILE that was left in the environment makes nobody able to read what was said."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert strict_context().keylog_filename is None


def test_comments_in_the_authorities_file_are_allowed(certificates: Certificates) -> None:
    """An administrator may describe an authority in any language beside its certificate."""
    path = certificates.ca.path
    path.write_bytes("# Zweigstelle Köln\n".encode() + path.read_bytes())
    assert len(load_tls(certificates.files, datetime.now(UTC)).authorities) == 1


def test_every_missing_file_is_named(private_folder: Path) -> None:
    """An administrator is told of all missing files at once."""
    names = ("own.pem", "own.key", "ca.pem")
    found = faults(TlsFiles(*(private_folder / name for name in names)))
    assert [fault.partition(":")[0] for fault in found] == list(names)


def test_a_key_that_others_may_read_is_refused(certificates: Certificates) -> None:
    """An administrator whose key is readable by others is told so."""
    certificates.server.key.chmod(0o644)
    assert faults(certificates.files) == ["radius.key: readable by others than its owner (mode 0644)"]


def test_authorities_that_others_may_write_are_refused(certificates: Certificates) -> None:
    """An administrator is told when others could choose whom we believe."""
    certificates.ca.path.chmod(0o666)
    assert faults(certificates.files) == ["ca.pem: writable by others than its owner (mode 0666)"]


def test_another_key_is_refused(certificates: Certificates) -> None:
    """An administrator who mixes up two keys is told which one is wrong."""
    files = TlsFiles(certificates.server.certificate, certificates.branch.key, certificates.ca.path)
    assert faults(files) == [
        f"branch.key: is not the key of {certificates.server.certificate}".replace(f"{files.key.parent}/", "")
    ]


def test_an_encrypted_key_is_refused_without_a_question(certificates: Certificates) -> None:
    """A daemon whose key needs a password says so, and does not wait at a terminal for it."""
    key = load_pem_private_key(certificates.server.key.read_bytes(), None)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    write_private(certificates.server.key, secret)
    [fault] = faults(certificates.files)
    assert fault.startswith("radius.pem, radius.key: ")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_files_without_certificates_are_refused(certificates: Certificates, content: bytes) -> None:
    """An administrator is told of every file that holds no certificate."""
    certificates.ca.path.write_bytes(content)
    certificates.server.certificate.write_bytes(content)
    own, authority = faults(certificates.files)
    assert own.startswith("radius.pem")
    assert authority == "ca.pem: holds no certificates in PEM form"


@pytest.mark.parametrize(("days", "warned"), [(20, False), (10, True), (-1, True)])
def test_a_certificate_that_ends_soon_is_told(certificates: Certificates, days: int, warned: bool) -> None:
    """An administrator reads two weeks before that the server's certificate has to be renewed."""
    issued = certificates.ca.issue("soon", server=True, days=days)
    files = TlsFiles(issued.certificate, issued.key, certificates.ca.path)
    with capture_logs() as logs:
        load_tls(files, datetime.now(UTC))
    assert [entry["event"] for entry in logs] == ["radsec_certificate_expires"] * warned


def test_several_authorities(certificates: Certificates, private_folder: Path) -> None:
    """An administrator may list several authorities in one file."""
    other = CertificationAuthority(private_folder / "other", "other CA")
    with certificates.ca.path.open("ab") as file:
        file.write(other.path.read_bytes())
    assert len(load_tls(certificates.files, datetime.now(UTC)).authorities) == 2


def ssl_error(reason: str) -> ssl.SSLError:
    """Make an error of OpenSSL's."""
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "handshake_timeout"),
        (ConnectionResetError(), "handshake_broken_off"),
        (ssl_error("PEER_DID_NOT_RETURN_A_CERTIFICATE"), "no_certificate"),
        (ssl_error("UNSUPPORTED_PROTOCOL"), "tls_version"),
        (ssl_error("HTTP_REQUEST"), "not_tls"),
        (ssl_error("NO_SHARED_CIPHER"), "handshake_failed"),
    ],
)
def test_a_failed_handshake_has_a_word(error: OSError, reason: str) -> None:
    """An administrator reads in one word why a handshake failed."""
    assert handshake_fault(error)[0] == reason
