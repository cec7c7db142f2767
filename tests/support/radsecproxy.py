"""A private radsecproxy in front of the gate: UDP on the NAS's side, UDP or TLS (RadSec) on the gate's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Issued
from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.ports import free_port

RADSEC_SECRET = "radsec"
"""RFC 6614 section 2.3: inside TLS the shared secret is this word."""

CONFIG = """\
ListenUDP 127.0.0.1:{port}
LogLevel 3
client nas {{
    host 127.0.0.1
    type udp
    secret {secret}
}}
{server}
realm * {{
    server gate
}}
"""
UDP = """\
server gate {{
    host 127.0.0.1
    type udp
    port {upstream}
    secret {secret}
    StatusServer on
    RetryInterval {retry_interval}
    RetryCount 2
}}
"""
# Without a TLS block of its own radsecproxy would want one called "default".
TLS = """\
tls gate {{
    CACertificateFile {ca}
    CertificateFile {certificate}
    CertificateKeyFile {key}
    TlsVersion TLS1_2:TLS1_3
}}
server gate {{
    host 127.0.0.1
    type tls
    tls gate
    port {upstream}
    secret {radsec_secret}
    StatusServer on
    RetryInterval {retry_interval}
    RetryCount 0
}}
"""


@dataclass(frozen=True)
class RadsecProxy:
    """A running proxy."""

    program: Program
    port: int


@dataclass(frozen=True)
class Identity:
    """What a proxy shows to the gate, and the authority by which it knows the gate."""

    own: Issued
    ca: Path


@contextmanager
def radsecproxy(
    folder: Path, upstream: int, secret: str, *, identity: Identity | None = None, retry_interval: int = 5
) -> Iterator[RadsecProxy]:
    """Run radsecproxy on a free port of loopback.

    Args:
        folder: For its files.
        upstream: The gate's port.
        secret: Shared with the NAS, and with a gate that is asked by UDP.
        identity: Ask the gate by TLS, with this certificate; else by UDP.
        retry_interval: Seconds. By UDP it sends three times, by TLS once; then it forgets the request.
    """
    port = free_port()
    if identity is None:
        server = UDP.format(upstream=upstream, secret=secret, retry_interval=retry_interval)
    else:
        server = TLS.format(
            upstream=upstream,
            radsec_secret=RADSEC_SECRET,
            retry_interval=retry_interval,
            ca=identity.ca,
            certificate=identity.own.certificate,
            key=identity.own.key,
        )
    write_private(folder / "radsecproxy.conf", CONFIG.format(port=port, secret=secret, server=server).encode())
    command = ["radsecproxy", "-f", "-c", str(folder / "radsecproxy.conf"), "-i", str(folder / "radsecproxy.pid")]
    with running(command, folder / "radsecproxy.log", ready="listening for udp") as program:
        yield RadsecProxy(program, port)
