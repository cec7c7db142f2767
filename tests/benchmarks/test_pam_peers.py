"""The peers of the PAM figures are the real modules, which let in whom they should and nobody else."""

import hashlib
import hmac
from base64 import b64encode
from pathlib import Path

import pytest

from benchmarks.duo_service import NAME, SECRET, bson, duo_service, is_signed
from benchmarks.figure import WrongAnswerError
from benchmarks.pam_host import LOCAL, Host
from benchmarks.pam_peers import other_modules, private_file, python_hook


@pytest.mark.system
@pytest.mark.root
def test_other_modules(private_folder: Path) -> None:
    """Each module lets its user in, and is told beside pam_permit."""
    radius, google, duo = other_modules(private_folder, rounds=3, duo_rounds=1)
    assert ["pam_radius_auth" in radius.name, "google" in google.name, "pam_duo" in duo.name] == [True] * 3
    assert all(figure.value > 0 and figure.target == "" for figure in (radius, google, duo))


@pytest.mark.system
@pytest.mark.root
def test_wrong_code_and_key(private_folder: Path) -> None:
    """The modules check: a wrong code is refused, and pam_duo with a wrong key is."""
    host = Host(private_folder)
    config = private_file(private_folder / "google", 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n" TOTP_AUTH\n')
    host.stack("google", f"auth required pam_google_authenticator.so secret={config} user=root")
    with pytest.raises(WrongAnswerError, match="google: PAM code"):
        host.log_in(LOCAL, 1, "google", typed="1")
    with duo_service(private_folder) as config:
        config.write_text(config.read_text().replace(SECRET, "x" * 40))
        host.stack("duo", f"auth required pam_duo.so conf={config}")
        with pytest.raises(WrongAnswerError, match="duo: PAM code"):
            host.log_in(LOCAL, 1, "duo")


@pytest.mark.system
@pytest.mark.root
def test_python_hook(private_folder: Path) -> None:
    """Whole ssh logins go through each of the three stacks, and the reason for the default is told."""
    module, hook = python_hook(private_folder, rounds=1)
    assert ("C module" in module.name, "Python hook" in hook.name) == (True, True)
    assert hook.beside.endswith("so the C module is the default")


def test_bson() -> None:
    """Documents are encoded as bsonspec.org says."""
    assert bson({"hello": "world"}) == b"\x16\0\0\0\x02hello\0\x06\0\0\0world\0\0"
    assert bson({"a": {}}) == b"\x0d\0\0\0\x03a\0\x05\0\0\0\0\0"


def test_signature() -> None:
    """A request counts if its HMAC is over method, host without port, path and parameters."""
    signature = hmac.new(SECRET.encode(), b"POST\nlocalhost\n/x\na=b", hashlib.sha1).hexdigest()
    header = "Basic " + b64encode(f"{NAME}:{signature}".encode()).decode()
    assert is_signed("POST", "localhost:4711", "/x", "a=b", header)
    assert not is_signed("POST", "localhost:4711", "/x", "a=c", header)
    assert not is_signed("POST", "localhost:4711", "/x", "a=b", "Basic " + b64encode(b"x:y").decode())
    assert not is_signed("POST", "localhost:4711", "/x", "a=b", header.replace("Basic", "Bearer"))
