"""A private FreeRADIUS that brings what it is asked by UDP to the gate by RadSec."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons import running
from tests.support.freeradius_proxy import BASE, PLAIN, READY, FreeRadius, command
from tests.support.gate import write_private
from tests.support.ports import free_port
from tests.support.radsecproxy import RADSEC_SECRET, Identity

PROXY = """\
max_request_time = 60
client nas {{
    ipaddr = 127.0.0.1
    secret = {secret}
}}
proxy_requests = yes
proxy server {{
    default_fallback = no
}}
home_server pushgate {{
    type = auth
    ipaddr = 127.0.0.1
    port = {upstream}
    proto = tcp
    secret = {radsec_secret}
    response_window = 20
    zombie_period = 40
    revive_interval = 60
    status_check = status-server
    check_interval = 6
    check_timeout = 4
    num_answers_to_alive = 3
    tls {{
        private_key_file = {key}
        certificate_file = {certificate}
        ca_file = {ca}
        tls_min_version = "1.2"
        tls_max_version = "1.2"
    }}
}}
home_server_pool pushgate {{
    type = fail-over
    home_server = pushgate
}}
realm pushgate {{
    auth_pool = pushgate
    nostrip
}}
"""


@contextmanager
def freeradius_radsec(folder: Path, upstream: int, secret: str, identity: Identity) -> Iterator[FreeRadius]:
    """Run FreeRADIUS on a free port of loopback.

    Args:
        folder: For its files.
        upstream: The gate's RadSec port.
        secret: Shared with the NAS.
        identity: What it shows to the gate, and by what it knows the gate.
    """
    port = free_port()
    text = (BASE + PROXY + PLAIN).format(
        folder=folder,
        port=port,
        upstream=upstream,
        secret=secret,
        radsec_secret=RADSEC_SECRET,
        key=identity.own.key,
        certificate=identity.own.certificate,
        ca=identity.ca,
    )
    write_private(folder / "radiusd.conf", text.encode())
    with running(command(folder), folder / "freeradius.log", ready=READY) as program:
        yield FreeRadius(program, port)
