"""The real strongSwan on both sides: the person's client, and an appliance that asks RADIUS.

By EAP for IKEv2; by PAP for IKEv1, whose name for it is XAuth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import CertificationAuthority
from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.netns import NAS_TO_PERSON, SERVER, Machine, Machines

INSIDE = "198.18.2.1"
"""The appliance's own address in the tunnel."""
ESTABLISHED = "initiate completed successfully"

PLUGINS = (
    "random nonce openssl pem x509 pubkey pkcs1 pkcs8 kdf eap-identity eap-gtc eap-radius xauth-generic "
    "socket-default kernel-libipsec kernel-netlink vici"
)

# The kernel's own ESP is not everywhere, so kernel-libipsec does it. By default strongSwan deletes a half-open login
# after 30 s, and asks a RADIUS server for 14 s: the lines for longer waits are what a push needs in the field, too.
DAEMON = """\
charon-systemd {{
    load = {plugins}
    half_open_timeout = 120
    journal {{
        default = -1
    }}
    filelog {{
        stderr {{
            default = 1
            ike = 2
            flush_line = yes
        }}
    }}
    plugins {{
        vici {{
            socket = unix://{folder}/vici
        }}
        eap-radius {{
            retransmit_timeout = 20.0
            retransmit_base = 1.0
            retransmit_tries = 3
            xauth {{
            }}
            servers {{
                gate {{
                    address = {server}
                    secret = {secret}
                }}
            }}
        }}
    }}
}}
"""
APPLIANCE = """\
connections {{
    vpn {{
        version = 2
        local_addrs = {appliance}
        pools = inside
        local {{
            auth = pubkey
            certs = {ca}/vpn.pem
            id = {appliance}
        }}
        remote {{
            auth = eap-radius
            eap_id = %any
        }}
        children {{
            net {{
                local_ts = {inside}/32
            }}
        }}
    }}
    old {{
        version = 1
        local_addrs = {appliance}
        pools = inside
        local {{
            auth = psk
            id = {appliance}
        }}
        remote-1 {{
            auth = psk
        }}
        remote-2 {{
            auth = xauth-radius
        }}
        children {{
            net {{
                local_ts = {inside}/32
            }}
        }}
    }}
}}
pools {{
    inside {{
        addrs = 198.18.2.16/28
    }}
}}
secrets {{
    ike {{
        secret = of-the-whole-group
    }}
}}
"""
CLIENT = """\
connections {{
    vpn {{
        remote_addrs = {appliance}
        vips = 0.0.0.0
        {login}
        children {{
            net {{
                remote_ts = {inside}/32
            }}
        }}
    }}
}}
"""
SECRETS = """\
secrets {{
    eap {{
        id = {user}
        secret = "{password}"
    }}
    ike {{
        secret = of-the-whole-group
    }}
}}
"""
IKEV2 = """\
version = 2
        local {{
            auth = eap
            eap_id = {user}
        }}
        remote {{
            auth = pubkey
            cacerts = {ca}/ca.pem
            id = {appliance}
        }}
"""
IKEV1 = """\
version = 1
        local-1 {{
            auth = psk
        }}
        local-2 {{
            auth = xauth
            xauth_id = {user}
        }}
        remote {{
            auth = psk
        }}
"""


@dataclass(frozen=True)
class Peer:
    """One running strongSwan."""

    machine: Machine
    folder: Path
    program: Program

    def swanctl(self, *arguments: str) -> list[str]:
        """Return the command line that talks to it."""
        return self.machine.command(*swanctl(self.folder, *arguments))


@contextmanager
def strongswan(machine: Machine, folder: Path, connections: str, secret: str = "none") -> Iterator[Peer]:
    """Run strongSwan in a folder of its own, with these connections."""
    text = DAEMON.format(plugins=PLUGINS, folder=folder, server=SERVER, secret=secret)
    write_private(folder / "strongswan.conf", text.encode())
    write_private(folder / "swanctl.conf", connections.encode())
    environment = {"STRONGSWAN_CONF": str(folder / "strongswan.conf"), "SWANCTL_DIR": str(folder)}
    vici = folder / "vici"
    command = machine.command("charon-systemd")
    with running(command, folder / "charon.log", ready=vici.exists, environment=environment) as program:
        peer = Peer(machine, folder, program)
        load = peer.swanctl("--load-all", "--file", str(folder / "swanctl.conf"))
        with running(load, folder / "load.log", environment=environment) as loading:
            assert loading.ends() == 0, loading.output
        yield peer


@contextmanager
def ipsec_appliance(folder: Path, machines: Machines, secret: str) -> Iterator[Peer]:
    """Run the appliance between the person and the server; the certificates are in the folder ``ca``."""
    issued = CertificationAuthority(folder / "ca").issue("vpn", NAS_TO_PERSON, server=True)
    # The one place where swanctl looks for keys.
    (folder / "private").mkdir(mode=0o700)
    (folder / "private" / "vpn.key").symlink_to(issued.key)
    # An address of its own, without which the appliance could not route into the tunnel.
    machines.nas.run("ip", "address", "add", f"{INSIDE}/32", "dev", "lo")
    text = APPLIANCE.format(appliance=NAS_TO_PERSON, ca=folder / "ca", inside=INSIDE)
    with strongswan(machines.nas, folder, text, secret) as peer:
        yield peer


@contextmanager
def ipsec_client(
    folder: Path, machines: Machines, ca: Path, user: str, *, login: str = IKEV2, password: str = "push"
) -> Iterator[Program]:
    """Log in from the person's machine; what comes back is swanctl, which ends when the login has.

    Args:
        folder: An empty folder for the client.
        machines: The network.
        ca: Folder of the appliance's certificates.
        user: Who.
        login: How: ``IKEV2`` by EAP, ``IKEV1`` by XAuth behind a secret that all share.
        password: What is typed.
    """
    how = login.format(user=user, ca=ca, appliance=NAS_TO_PERSON)
    text = CLIENT.format(appliance=NAS_TO_PERSON, inside=INSIDE, login=how)
    text += SECRETS.format(user=user, password=password)
    with strongswan(machines.person, folder, text) as peer:
        command = peer.swanctl("--initiate", "--child", "net", "--timeout", "60")
        with running(command, folder / "swanctl.log") as login_by_swanctl:
            yield login_by_swanctl


def type_from_now_on(folder: Path, machines: Machines, user: str, password: str) -> None:
    """Let a running client answer the next EAP-GTC question by another line than the last one.

    Args:
        folder: The client's.
        machines: The network.
        user: Who.
        password: What is typed.
    """
    write_private(folder / "typed.conf", SECRETS.format(user=user, password=password).encode())
    load = ("--load-creds", "--clear", "--file", str(folder / "typed.conf"))
    # Neither of what swanctl looks for beside the file is needed again: the login has begun.
    machines.person.run("env", f"SWANCTL_DIR={folder}", *swanctl(folder, *load))


def swanctl(folder: Path, *arguments: str) -> list[str]:
    """Return the command line that talks to the strongSwan of a folder, to be run on its machine."""
    return ["swanctl", *arguments, "--uri", f"unix://{folder}/vici"]
