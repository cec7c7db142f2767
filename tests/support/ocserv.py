"""The real ocserv as the appliance, and openconnect as the person's VPN client, on the machines of a test's network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import CertificationAuthority
from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.netns import NAS_TO_PERSON, SERVER, Machines
from tests.support.terminal import Terminal, terminal

INSIDE = "198.18.0.1"
"""ocserv's own address in the tunnel."""

# By default radcli sends four times, 10 s apart; more often here, so that a short wait has repetitions.
RADCLI = """\
authserver {server}:1812
acctserver {server}:1813
servers {folder}/servers
dictionary /etc/radcli/dictionary
default_realm
radius_timeout 2
radius_retries 19
bindaddr *
"""
CONFIG = """\
auth = "radius[config={folder}/radiusclient.conf,nas-identifier={name},groupconfig=true]"
tcp-port = {port}
run-as-user = root
run-as-group = root
socket-file = {folder}/ocserv.sock
pid-file = {folder}/ocserv.pid
connect-script = {folder}/connect
use-occtl = false
isolate-workers = false
server-cert = {folder}/ca/vpn.pem
server-key = {folder}/ca/vpn.key
device = {name}
ipv4-network = {network}
ipv4-netmask = 255.255.255.0
max-clients = 16
max-same-clients = 0
auth-timeout = 120
cookie-timeout = 300
"""
# What ocserv tells the administrator's own programs about a session.
CONNECT = """\
#!/bin/sh
echo "$USERNAME is of the group $GROUPNAME"
"""
TUNNEL_IS_UP = "the tunnel is up"
TUNNEL = """\
#!/bin/sh
[ "$reason" = connect ] || exit 0
ip address add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
ip link set "$TUNDEV" up && echo {up}
"""


@contextmanager
def ocserv(
    folder: Path, machines: Machines, secret: str, *, name: str = "ocserv", port: int = 443, network: str = "198.18.0.0"
) -> Iterator[Program]:
    """Run ocserv between the person and the server.

    Args:
        folder: For its files; the certificates are in ``ca``.
        machines: The network.
        secret: Shared with the server.
        name: NAS-Identifier, and the name of its end of the tunnels.
        port: Where it listens.
        network: Of the tunnels.
    """
    CertificationAuthority(folder / "ca").issue("vpn", NAS_TO_PERSON, server=True)
    write_private(folder / "servers", f"{SERVER} {secret}\n".encode())
    (folder / "radiusclient.conf").write_text(RADCLI.format(folder=folder, server=SERVER))
    (folder / "ocserv.conf").write_text(CONFIG.format(folder=folder, name=name, port=port, network=network))
    write_script(folder / "connect", CONNECT)
    command = machines.nas.command("ocserv", "-f", "-d", "2", "-c", folder / "ocserv.conf")
    with running(command, folder / "ocserv.log", ready="sec-mod initialized") as program:
        yield program


@contextmanager
def openconnect(
    folder: Path, machines: Machines, user: str, *, typed: str = "push\n", tunnel: bool = False
) -> Iterator[Program]:
    """Log in from the person's machine, with what is typed written in advance.

    Args:
        folder: That of ``ocserv``.
        machines: The network.
        user: Who.
        typed: A line for each prompt behind the user's name.
        tunnel: Go on to the tunnel after the login, and stay; else end with exit status 0 once logged in.
    """
    command = client(folder, machines, user, "--passwd-on-stdin", tunnel=tunnel)
    with running(command, folder / f"openconnect-{user}.log", typed=typed) as program:
        yield program


@contextmanager
def openconnect_dialogue(
    folder: Path, machines: Machines, user: str, *, port: int = 443, tunnel: bool = False
) -> Iterator[Terminal]:
    """Log in from the person's machine at a terminal, where somebody reads before typing.

    Args:
        folder: That of ``ocserv``.
        machines: The network.
        user: Who.
        port: Of ``ocserv``.
        tunnel: As above.
    """
    command = client(folder, machines, user, port=port, tunnel=tunnel)
    with terminal(command, folder) as shown:
        yield shown


def client(
    folder: Path, machines: Machines, user: str, *options: str, port: int = 443, tunnel: bool = False
) -> list[str]:
    """Return the command line of openconnect on the person's machine."""
    script = write_script(folder / "tunnel", TUNNEL.format(up=TUNNEL_IS_UP))
    return machines.person.command(
        *("openconnect", "--protocol=anyconnect", f"--cafile={folder}/ca/ca.pem", *options),
        *(("--no-dtls", f"--script={script}") if tunnel else ("--authenticate",)),
        *("-u", user, f"https://{NAS_TO_PERSON}:{port}"),
    )


def write_script(path: Path, text: str) -> Path:
    """Write a program of a few lines."""
    path.write_text(text)
    path.chmod(0o755)
    return path
