"""The real hostapd as a switch that asks RADIUS for 802.1X, and wpa_supplicant on the person's machine at its cable."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.netns import NAS, SERVER, Machines, interface_to

PORT_OPEN = "IEEE 802.1X: authorizing port"
SWITCH = """\
interface={interface}
driver=wired
logger_stdout=-1
logger_stdout_level=0
ieee8021x=1
eap_reauth_period=0
use_pae_group_addr=1
own_ip_addr={address}
nas_identifier=switch
auth_server_addr={server}
auth_server_port=1812
auth_server_shared_secret={secret}
"""
SUPPLICANT = """\
ap_scan=0
network={{
    key_mgmt=IEEE8021X
    eapol_flags=0
    eap=GTC
    identity="{user}"
    password="{password}"
}}
"""


@contextmanager
def hostapd(folder: Path, machines: Machines, secret: str) -> Iterator[Program]:
    """Run the switch between the person and the server."""
    text = SWITCH.format(interface=interface_to(machines.person), address=NAS, server=SERVER, secret=secret)
    write_private(folder / "hostapd.conf", text.encode())
    # Line by line, so that a test sees how far it has come.
    command = machines.nas.command("stdbuf", "--output=L", "hostapd", folder / "hostapd.conf")
    with running(command, folder / "hostapd.log", ready="AP-ENABLED") as program:
        yield program


@contextmanager
def wpa_supplicant(folder: Path, machines: Machines, user: str, *, password: str = "push") -> Iterator[Program]:
    """Log in from the person's machine, and stay.

    Args:
        folder: For the configuration and the output.
        machines: The network.
        user: Who.
        password: What the person types.
    """
    write_private(folder / "wpa.conf", SUPPLICANT.format(user=user, password=password).encode())
    command = machines.person.command(
        *("stdbuf", "--output=L", "wpa_supplicant", "-D", "wired", "-i", interface_to(machines.nas)),
        *("-c", folder / "wpa.conf"),
    )
    with running(command, folder / "wpa_supplicant.log") as program:
        yield program
