"""RadSec with the real radsecproxy, FreeRADIUS and openssl at the other end."""

import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radius_server.certificates import Mark, read_certificate
from radius_server.nas import verify_reply
from radius_server.tls import TlsFiles, load_tls
from radius_server.wire import (
    encode_request,
)
from tests.support.certificates import Issued
from tests.support.freeradius_radsec import freeradius_radsec
from tests.support.processes import wait_until
from tests.support.project import ROOT
from tests.support.radclient import ORIGIN, radclient
from tests.support.radius_gate import RadiusGate
from tests.support.radsec import SECRET, SERVER_NAME, Certificates, status
from tests.support.radsecproxy import Identity, RadsecProxy, radsecproxy

pytestmark = pytest.mark.system


@dataclass
class Site:
    """A gate with RadSec, and the certificates of both sides."""

    gate: RadiusGate
    certificates: Certificates

    @property
    def port(self) -> int:
        """The RadSec port."""
        return int(self.gate.ready["radsec"][0])

    @contextmanager
    def proxy(self, folder: Path, *, own: Issued | None = None, retry_interval: int = 5) -> Iterator[RadsecProxy]:
        """Run radsecproxy in the branch."""
        identity = Identity(own or self.certificates.branch, self.certificates.ca.path)
        secret = self.gate.secret.decode()
        with radsecproxy(folder, self.port, secret, identity=identity, retry_interval=retry_interval) as proxy:
            yield proxy

    def shown(self) -> bytes:
        """Connect as the branch, see a probe answered, and return the certificate that the gate shows."""
        context = self.certificates.context(self.certificates.branch)
        with (
            socket.create_connection(("127.0.0.1", self.port)) as plain,
            context.wrap_socket(plain, server_hostname=SERVER_NAME) as connection,
        ):
            probe = status()
            connection.sendall(probe)
            assert verify_reply(probe, connection.recv(4096), SECRET) == 2
            return connection.getpeercert(binary_form=True) or b""

    def log(self) -> str:
        """What the daemon has logged."""
        return self.gate.log.read_text()


@pytest.fixture(scope="module")
def site(module_folder: Path) -> Iterator[Site]:
    """One gate for all tests here; each has its own users."""
    certificates = Certificates(module_folder / "tls")
    certificates.server = certificates.ca.issue("radius", SERVER_NAME, "127.0.0.1", server=True, days=30)
    radsec = {
        "listen": ["127.0.0.1:0"],
        "certificate_file": str(certificates.server.certificate),
        "key_file": str(certificates.server.key),
        "client_ca_file": str(certificates.ca.path),
        "clients": [{"name": "branch", "certificate_name": "branch.example.org"}],
    }
    with RadiusGate(module_folder, timeout=20, radsec=radsec) as gate:
        yield Site(gate, certificates)


def test_approved(site: Site, private_folder: Path) -> None:
    """A person behind radsecproxy who approves is let in, and has seen the branch and the address that the NAS told."""
    person = site.gate.person("anna")
    with (
        site.proxy(private_folder) as proxy,
        radclient(private_folder, proxy.port, site.gate.secret.decode(), "anna") as login,
    ):
        context = person.approve().context
        assert login.ends() == 0
    assert (context["ip"], context["origin_kind"], context["service"]) == (ORIGIN, "nas", "branch")
    assert "Received Access-Accept" in login.output


def test_denied(site: Site, private_folder: Path) -> None:
    """A person who denies has the login rejected at once."""
    person = site.gate.person("berta")
    with (
        site.proxy(private_folder) as proxy,
        radclient(private_folder, proxy.port, site.gate.secret.decode(), "berta") as login,
    ):
        person.deny()
        assert login.ends() == 1
    assert "Received Access-Reject" in login.output


def test_a_slow_person_within_the_proxys_patience(site: Site, private_folder: Path) -> None:
    """A person who takes three seconds is let in, and whoever logs in meanwhile on the same connection is, too."""
    slow, quick = site.gate.people(["carla", "dora"])
    secret = site.gate.secret.decode()
    with site.proxy(private_folder, retry_interval=5) as proxy:
        start = time.monotonic()
        with radclient(private_folder, proxy.port, secret, "carla") as login:
            question = slow.question()
            with radclient(private_folder, proxy.port, secret, "dora") as other:
                quick.approve()
                assert other.ends() == 0
            time.sleep(max(0.0, start + 3 - time.monotonic()))
            assert [shown.id for shown in slow.pending()] == [question.id]
            slow.answer(question, "approved")
            assert login.ends() == 0
    assert len(site.gate.records_of("carla")) == 1


def test_a_proxy_that_has_lost_patience_goes_on(site: Site, private_folder: Path) -> None:
    """A proxy that gives a slow person up keeps its connection, on which the next one logs in."""
    slow, quick = site.gate.people(["hanna", "ida"])
    secret = site.gate.secret.decode()
    with site.proxy(private_folder, retry_interval=1) as proxy:
        with radclient(private_folder, proxy.port, secret, "hanna"):
            question = slow.question()
            proxy.program.says("missing response")
        with radclient(private_folder, proxy.port, secret, "ida") as login:
            quick.approve()
            assert login.ends() == 0
        assert slow.state(question) == "pending"
        assert proxy.program.output.count("tlsconnect: TLS connection") == 1


@pytest.mark.soak
def test_status_server_of_radsecproxy(site: Site, private_folder: Path) -> None:
    """A radsecproxy that has nothing to ask for half a minute sends Status-Server and is answered."""
    with site.proxy(private_folder) as proxy:
        proxy.program.says("got status server response", within=60)


def test_a_proxy_that_stops_takes_its_questions_back(site: Site, private_folder: Path) -> None:
    """A proxy whose connection ends leaves no question on the phone."""
    person = site.gate.person("elsa")
    with site.proxy(private_folder) as proxy, radclient(private_folder, proxy.port, site.gate.secret.decode(), "elsa"):
        question = person.question()
        proxy.program.process.kill()
        wait_until(lambda: person.state(question) == "cancelled", 5, "the withdrawal")
    wait_until(lambda: len(site.gate.records_of("elsa")) == 1, 5, "the audit record")
    assert "the connection closed" in site.gate.records_of("elsa")[0]["detail"]


def test_a_wrong_certificate_is_refused(site: Site, private_folder: Path) -> None:
    """A proxy of our authority, but with a name that no client has, gets nothing through."""
    person = site.gate.person("frida")
    own = site.certificates.ca.issue("wrong", "other.example.org")
    with (
        site.proxy(private_folder, own=own) as proxy,
        radclient(private_folder, proxy.port, site.gate.secret.decode(), "frida", "-r", "1", seconds=1) as login,
    ):
        assert login.ends() == 1
        wait_until(lambda: "dns other.example.org" in site.log(), 5, "the refusal in the log")
    assert "Received" not in login.output
    assert person.pending() == []


def test_a_new_certificate_while_a_login_is_pending(site: Site, private_folder: Path) -> None:
    """An administrator who renews the certificate and reloads interrupts nobody, and newcomers are shown it."""
    person = site.gate.person("greta")
    with (
        site.proxy(private_folder) as proxy,
        radclient(private_folder, proxy.port, site.gate.secret.decode(), "greta") as login,
    ):
        question = person.question()
        before = site.shown()
        newer = site.certificates.ca.issue("radius", SERVER_NAME, "127.0.0.1", server=True, days=40)
        assert site.gate.process is not None
        os.kill(site.gate.process.pid, signal.SIGHUP)
        wait_until(lambda: '"event": "reloaded"' in site.log(), 5, "the reload")
        assert site.shown() == ssl.PEM_cert_to_DER_cert(newer.certificate.read_text()) != before
        person.answer(question, "approved")
        assert login.ends() == 0
    assert "Received Access-Accept" in login.output


def s_client(site: Site, *options: str, typed: str = "") -> str:
    """Connect with openssl, and return what it says."""
    own = site.certificates.branch
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-CAfile", str(site.certificates.ca.path)]
    command += ["-cert", str(own.certificate), "-key", str(own.key), *options]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_versions_that_are_spoken(site: Site, version: str) -> None:
    """A client may speak TLS 1.2 or 1.3, and verifies our certificate by its authority."""
    output = s_client(site, f"-tls{version}")
    assert "Verify return code: 0 (ok)" in output
    assert f"TLSv{version.replace('_', '.')}" in output


@pytest.mark.parametrize("version", ["1", "1_1"])
def test_versions_that_are_refused(site: Site, version: str) -> None:
    """A client that insists on TLS 1.1 or older is refused, whatever it permits itself."""
    output = s_client(site, f"-tls{version}", "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in output
    wait_until(lambda: '"reason": "tls_version"' in site.log(), 5, "the refusal in the log")


def test_renegotiation_is_refused(site: Site) -> None:
    """A client that renegotiates within TLS 1.2 to make us work is refused."""
    assert "no renegotiation" in s_client(site, "-tls1_2", typed="R\n")


def test_freeradius_as_the_client(site: Site, private_folder: Path) -> None:
    """FreeRADIUS as RadSec client brings in two people at once, and each gets their own answer."""
    slow, quick = site.gate.people(["julia", "karla"])
    secret = site.gate.secret.decode()
    identity = Identity(site.certificates.branch, site.certificates.ca.path)
    with (
        freeradius_radsec(private_folder, site.port, secret, identity) as proxy,
        radclient(private_folder, proxy.port, secret, "julia") as login,
    ):
        question = slow.question()
        with radclient(private_folder, proxy.port, secret, "karla") as other:
            quick.deny()
            assert other.ends() == 1
        slow.answer(question, "approved")
        assert login.ends() == 0
    assert "Received Access-Reject" in other.output
    assert "Received Access-Accept" in login.output
    assert [record["service"] for record in site.gate.records_of("julia")] == ["branch"]


def odd_packets(secret: bytes) -> Iterator[bytes]:
    """Yield packets as a broken or hostile NAS behind the proxy could send them; radsecproxy stops only some."""
    user, password = (1, b"x"), (2, bytes(16))
    bodies: list[list[tuple[int, bytes]]] = [
        [user, (80, bytes(16))],
        [user, (80, b"short")],
        [user, password, (0, b"x")],
        [user, password, *[(24, b"")] * 250],
        [user, password, (3, bytes(17))],
        [user, (2, bytes(15))],
        [user, password, (26, b"\0\0\0\x09\x01\xff")],
        [user, password, (33, bytes(253))],
        [user],
        [user, (79, b"\x02\x01\x00\x01")],
    ]
    for number, body in enumerate(bodies):
        yield encode_request(1, number, os.urandom(16), secret, body)
    yield encode_request(4, len(bodies), os.urandom(16), secret, [user])


def test_a_nas_cannot_end_the_connection_of_the_others(site: Site, private_folder: Path) -> None:
    """A hostile NAS sends whatever the proxy lets through, and another NAS's login on that connection goes on."""
    person = site.gate.person("laura")
    secret = site.gate.secret
    with (
        site.proxy(private_folder) as proxy,
        radclient(private_folder, proxy.port, secret.decode(), "laura") as login,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nas,
    ):
        question = person.question()
        for packet in odd_packets(secret):
            nas.sendto(packet, ("127.0.0.1", proxy.port))
        for reason in ("attribute_type_zero", "too_many_attributes", "two_credentials", "no_password"):
            wait_until(lambda reason=reason: reason in site.log(), 5, reason)
        person.answer(question, "approved")
        assert login.ends() == 0
        assert proxy.program.output.count("tlsconnect: TLS connection") == 1


def blocks(heading: str, language: str) -> list[str]:
    """Return the blocks of docs/radsec.md in a language below a heading."""
    section = (ROOT / "docs" / "radsec.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_make_certificates(private_folder: Path) -> None:
    """An administrator who copies the commands of docs/radsec.md has certificates that pushgate takes."""
    [commands] = blocks("Certificates", "sh")
    subprocess.run(["sh", "-e"], input=commands, text=True, cwd=private_folder, check=True, capture_output=True)
    files = TlsFiles(*(private_folder / name for name in ("radius.pem", "radius.key", "ca.pem")))
    context = load_tls(files, datetime.now(UTC)).context
    own = private_folder / "proxy.pem"
    client = ssl.create_default_context(cafile=str(files.client_ca))
    client.load_cert_chain(own, private_folder / "proxy.key")
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        accepting = pool.submit(context.wrap_socket, ours, server_side=True)
        with client.wrap_socket(theirs, server_hostname="radius.example.org"), accepting.result() as accepted:
            shown = read_certificate(accepted.getpeercert(binary_form=True) or b"")
    assert Mark.of_name("proxy.branch.example") in shown.marks


def test_the_proxys_configuration_of_the_page_is_read(private_folder: Path) -> None:
    """An administrator who copies the configuration of docs/radsec.md has one that radsecproxy reads."""
    [text] = blocks("radsecproxy beside the appliance", "")
    certificates = Certificates(private_folder)
    for name, path in {
        "ca.pem": certificates.ca.path,
        "proxy.pem": certificates.branch.certificate,
        "proxy.key": certificates.branch.key,
    }.items():
        text = text.replace(f"/etc/radsecproxy/{name}", str(path))
    path, text = private_folder / "radsecproxy.conf", text.replace("radius.example.org", "127.0.0.1")
    path.write_text(text.replace("<shared secret of appliance and proxy>", "x" * 20))
    done = subprocess.run(
        ["radsecproxy", "-f", "-p", "-c", path], capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode, "error" in done.stderr.lower()) == (0, False), done.stderr
