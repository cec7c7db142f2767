"""The real OpenVPN with openvpn-auth-radius as the appliance, and its client, on a test's machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import CertificationAuthority
from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.netns import NAS, NAS_TO_PERSON, SERVER, Machines

INSIDE = "198.18.1.1"
"""The appliance's own address in the tunnel."""
TUNNEL_IS_UP = "Initialization Sequence Completed"

# The plugin reads four digits of a port at most, and wants the block without tabs. It lets nobody in before somebody
# has confirmed its accounting. It sends every ``wait`` seconds, each time from a new port.
PLUGIN = """\
NAS-Identifier=openvpn
Service-Type=5
Framed-Protocol=1
NAS-Port-Type=5
NAS-IP-Address={nas}
OpenVPNConfig={folder}/server.conf
subnet=255.255.255.0
overwriteccfiles=false
useauthcontrolfile=true
server
{{
acctport=1813
authport=1812
name={server}
retry=10
wait=2
sharedsecret={secret}
}}
"""
APPLIANCE = """\
dev tun
proto udp4
local {address}
port 1194
topology subnet
server 198.18.1.0 255.255.255.0
dh none
ca {folder}/ca/ca.pem
cert {folder}/ca/vpn.pem
key {folder}/ca/vpn.key
verify-client-cert none
username-as-common-name
client-config-dir {folder}/ccd
status {folder}/status
status-version 1
tmp-dir {folder}
plugin /usr/lib/openvpn/radiusplugin.so {folder}/plugin.conf
duplicate-cn
verb 3
"""
CLIENT = """\
client
dev tun
proto udp4
remote {address} 1194
nobind
ca {folder}/ca/ca.pem
remote-cert-tls server
auth-user-pass {folder}/{user}.login
auth-retry none
verb 3
"""


@contextmanager
def openvpn_appliance(folder: Path, machines: Machines, secret: str) -> Iterator[Program]:
    """Run OpenVPN's server between the person and the server."""
    CertificationAuthority(folder / "ca").issue("vpn", NAS_TO_PERSON, server=True)
    (folder / "ccd").mkdir()
    plugin = PLUGIN.format(folder=folder, nas=NAS, server=SERVER, secret=secret)
    write_private(folder / "plugin.conf", plugin.encode())
    (folder / "server.conf").write_text(APPLIANCE.format(folder=folder, address=NAS_TO_PERSON))
    command = machines.nas.command("openvpn", "--config", folder / "server.conf")
    with running(command, folder / "openvpn.log", ready=TUNNEL_IS_UP) as program:
        yield program


@contextmanager
def openvpn_client(folder: Path, machines: Machines, user: str, password: str = "push") -> Iterator[Program]:
    """Log in from the person's machine, with the appliance's folder."""
    write_private(folder / f"{user}.login", f"{user}\n{password}\n".encode())
    (folder / f"{user}.conf").write_text(CLIENT.format(folder=folder, address=NAS_TO_PERSON, user=user))
    command = machines.person.command("openvpn", "--config", folder / f"{user}.conf")
    with running(command, folder / f"client-{user}.log") as program:
        yield program
