"""A private FreeRADIUS in front of the gate: it proxies what it is asked, and may end EAP-TTLS before."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.ports import free_port

BASE = """\
prefix = /usr
libdir = /usr/lib/freeradius
name = freeradius
confdir = {folder}
run_dir = {folder}
cleanup_delay = 5
max_requests = 1024
hostname_lookups = no
log {{
    destination = stdout
}}
security {{
    max_attributes = 200
    reject_delay = 0
    status_server = yes
}}
thread pool {{
    start_servers = 2
    max_servers = 8
    min_spare_servers = 1
    max_spare_servers = 4
}}
"""
"""What every private FreeRADIUS has."""

PROXY = """\
max_request_time = {max_request_time}
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
    secret = {secret}
    response_window = {response_window}
    zombie_period = {zombie_period}
    revive_interval = 60
    status_check = {status_check}
    check_interval = 6
    check_timeout = 4
    num_answers_to_alive = 3
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

PLAIN = """\
modules {{
}}
server outer {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        update control {{
            Proxy-To-Realm := "pushgate"
        }}
    }}
    authenticate {{
    }}
}}
"""

TTLS = """\
modules {{
    eap {{
        default_eap_type = ttls
        timer_expire = 60
        max_sessions = 64
        tls-config tunnel {{
            private_key_file = {certificates}/radius.key
            certificate_file = {certificates}/radius.pem
            ca_file = {certificates}/ca.pem
            tls_min_version = "1.2"
            tls_max_version = "1.2"
            ecdh_curve = ""
        }}
        ttls {{
            tls = tunnel
            copy_request_to_tunnel = yes
            use_tunneled_reply = no
            virtual_server = inner
        }}
    }}
}}
server outer {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        eap
    }}
    authenticate {{
        eap
    }}
    post-proxy {{
        eap
    }}
    post-auth {{
        Post-Auth-Type REJECT {{
            eap
        }}
    }}
}}
server inner {{
    authorize {{
        update control {{
            Proxy-To-Realm := "pushgate"
        }}
    }}
    authenticate {{
    }}
}}
"""
"""Ends EAP-TTLS; the inner PAP goes to the gate. Needs ``radius.pem`` and ``radius.key`` beside ``ca.pem``."""

READY = "Ready to process requests"


@dataclass(frozen=True)
class FreeRadius:
    """A running proxy."""

    program: Program
    port: int


@contextmanager
def freeradius(
    folder: Path,
    upstream: int,
    secret: str,
    *,
    servers: str = PLAIN,
    certificates: Path = Path(),
    response_window: int = 20,
    zombie_period: int = 40,
    status_check: str = "status-server",
    max_request_time: int = 60,
) -> Iterator[FreeRadius]:
    """Run FreeRADIUS on a free port of loopback.

    Args:
        folder: An empty folder for its files.
        upstream: The gate's port.
        secret: Shared with the gate and with the NAS.
        servers: Modules and virtual servers.
        certificates: Folder of what ``TTLS`` needs.
        response_window: Seconds in which the gate must answer, by FreeRADIUS's opinion.
        zombie_period: Seconds without an answer after which it takes the gate for dead.
        status_check: How it finds out whether the gate is alive.
        max_request_time: Seconds after which it forgets a request.
    """
    port = free_port()
    text = (BASE + PROXY + servers).format(
        folder=folder,
        certificates=certificates,
        port=port,
        upstream=upstream,
        secret=secret,
        response_window=response_window,
        zombie_period=zombie_period,
        status_check=status_check,
        max_request_time=max_request_time,
    )
    write_private(folder / "radiusd.conf", text.encode())
    with running(command(folder), folder / "freeradius.log", ready=READY) as program:
        yield FreeRadius(program, port)


def command(folder: Path) -> list[str | Path]:
    """Return the command line for the configuration in a folder."""
    # With -X it would have a single thread, and so not behave as in the field.
    return ["freeradius", "-f", "-xx", "-l", "stdout", "-d", folder, "-n", "radiusd"]
