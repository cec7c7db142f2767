"""The files that the sections of providers name: secrets, and the CA that is trusted."""

import ssl
from pathlib import Path

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import read_secret, read_trusted


def read_word(path: Path | None, problems: list[PushgateError]) -> str:
    """Read a secret of ASCII letters and digits; what is wrong goes to ``problems``."""
    if path is None:
        return ""
    try:
        word = read_secret(path)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return ""
    if not word.isalnum():
        problems.append(PushgateError(f"{path}: holds other characters than letters and digits", "write it anew"))
        return ""
    return word.decode("ascii")


def check_ca_file(path: Path, problems: list[PushgateError]) -> None:
    """Check that nobody else chooses whom we trust, and that the file holds certificates."""
    try:
        certificates = read_trusted(path, secret=False, limit=1024 * 1024).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except ConfigurationError as error:
        problems.extend(error.problems)
    except (ssl.SSLError, ValueError):
        problems.append(PushgateError(f"{path}: holds no certificates in PEM form", "give the CA's certificate"))
