"""The TLS that RadSec is spoken in: our certificate, the authorities that we believe, and what is allowed at all."""

import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import read_trusted

MAX_PEM = 1024 * 1024
EXPIRES_SOON = timedelta(days=14)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificates and the key are, in PEM."""

    certificate: Path
    """Ours, followed by those between it and its authority."""
    key: Path
    client_ca: Path
    """The authorities that issue certificates for clients."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What a set of files amounts to."""

    context: ssl.SSLContext
    authorities: frozenset[x509.Certificate]


def load_tls(files: TlsFiles, now: datetime) -> Tls:
    """Read every file into a context of its own, which nothing uses before all of it is right.

    Raises:
        ConfigurationError: naming every file that cannot be used.
    """
    problems: list[PushgateError] = []
    read = {
        path: read_pem(path, problems, secret=path == files.key)
        for path in (files.certificate, files.key, files.client_ca)
    }
    if problems:
        raise ConfigurationError(problems)
    context = strict_context()
    own = load_own(context, files, read[files.certificate], problems)
    authorities = load_authorities(context, files.client_ca, read[files.client_ca], problems)
    if problems:
        raise ConfigurationError(problems)
    if own and own[0].not_valid_after_utc < now + EXPIRES_SOON:
        until = own[0].not_valid_after_utc.isoformat()
        log.warning("radsec_certificate_expires", file=str(files.certificate), until=until, hint="renew it")
    return Tls(context, frozenset(authorities))


def strict_context() -> ssl.SSLContext:
    """Return a context that speaks TLS 1.2 and 1.3 with clients that have a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    # A client that renegotiates makes us work for nothing, and one that resumes a session by a ticket has its
    # certificate not checked. TLS 1.2 also resumes from OpenSSL's cache, which Python cannot switch off: there the
    # names and the end of the certificate are checked all the same, and a reload begins with an empty cache.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def read_pem(path: Path, problems: list[PushgateError], *, secret: bool) -> bytes:
    """Read a file that only root or we could have written; what is wrong goes to ``problems``."""
    try:
        return read_trusted(path, secret=secret, limit=MAX_PEM)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return b""


def load_own(
    context: ssl.SSLContext, files: TlsFiles, pem: bytes, problems: list[PushgateError]
) -> list[x509.Certificate]:
    """Load our certificate and its key, and return the chain."""
    try:
        # Without a password OpenSSL would ask at the terminal for the one of an encrypted key.
        context.load_cert_chain(files.certificate, files.key, password="")
        return x509.load_pem_x509_certificates(pem)
    except ssl.SSLError as error:
        hint = "both in PEM; the key without a password, and the one that the certificate was made with"
        if error.reason == "KEY_VALUES_MISMATCH":
            problems.append(PushgateError(f"{files.key}: is not the key of {files.certificate}", hint))
        else:
            reason = (error.reason or "cannot be read").replace("_", " ").lower()
            problems.append(PushgateError(f"{files.certificate}, {files.key}: {reason}", hint))
    except OSError as error:
        message = f"{files.certificate}, {files.key}: {os.strerror(error.errno or 0).lower()}"
        problems.append(PushgateError(message, "check path and mode"))
    except ValueError:
        problems.append(PushgateError(f"{files.certificate}: holds no certificate in PEM form", "check the file"))
    return []


def load_authorities(
    context: ssl.SSLContext, path: Path, pem: bytes, problems: list[PushgateError]
) -> list[x509.Certificate]:
    """Let the context believe the authorities in a file, and return them."""
    try:
        authorities = x509.load_pem_x509_certificates(pem)
        # Written anew, because OpenSSL takes no more than ASCII here, and such files hold people's comments.
        context.load_verify_locations(cadata=b"".join(one.public_bytes(Encoding.DER) for one in authorities))
    except (ssl.SSLError, ValueError):
        problems.append(PushgateError(f"{path}: holds no certificates in PEM form", "give the CA's certificate"))
        return []
    return authorities


HANDSHAKE_FAULTS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no_certificate",
    "UNSUPPORTED_PROTOCOL": "tls_version",
    "VERSION_TOO_LOW": "tls_version",
    "WRONG_VERSION_NUMBER": "not_tls",
    "HTTP_REQUEST": "not_tls",
}


def handshake_fault(error: OSError) -> tuple[str, str]:
    """Say in one word why a handshake failed, and more closely for the administrator."""
    if isinstance(error, TimeoutError):
        return "handshake_timeout", ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate_refused", error.verify_message
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return HANDSHAKE_FAULTS.get(reason, "handshake_failed"), reason.replace("_", " ").lower()
    return "handshake_broken_off", ""
