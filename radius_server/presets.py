"""What is known of each family of appliances: where the person's address stands, how long it waits, what it can ask.

Windows are those of the factory, at one server: the sum of the waits after each packet that it sends. Where two
figures are in the field, the shorter one stands here: an answer that comes too early costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

AddressSource = Literal[
    "PaloAlto-Client-Source-IP",
    "cisco-source-ip",
    "Tunnel-Client-Endpoint",
    "Calling-Station-Id",
    "Framed-IP-Address",
]
"""Names of the dictionary; ``cisco-source-ip`` is the value of Cisco-AVPair behind ``ip:source-ip=``."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One family of appliances, as it leaves the factory."""

    name: str
    origin: tuple[AddressSource, ...] = ()
    """Where to look for the person's address, in order; empty: it tells none that can be believed."""
    window: float | None = None
    """Seconds from its first packet until it gives this server up; None: not known."""
    challenges: bool | None = None
    """It shows an Access-Challenge and sends what was typed; None: not known, or a matter of what is behind it."""
    eap_gtc: bool = False
    """It passes EAP on, and its way to the person is protected (IKEv2) or a cable, so that we may end EAP-GTC."""
    gtc_rounds: int = 1
    """How often it lets the person answer within one EAP conversation."""
    pap_hint: str = "let it send PAP, not CHAP, MS-CHAP or EAP"
    """The setting that makes it send PAP, for the log."""


ANY: tuple[AddressSource, ...] = (
    "PaloAlto-Client-Source-IP",
    "cisco-source-ip",
    "Tunnel-Client-Endpoint",
    "Calling-Station-Id",
)
"""Attributes that hold the person's address wherever they hold an address at all."""

GENERIC = Preset("generic", ANY)

FIREWALLS = (
    Preset(
        "cisco-asa",
        ("Calling-Station-Id", "Tunnel-Client-Endpoint", "cisco-source-ip"),
        window=10.0,
        challenges=True,
        pap_hint="ASDM, AAA server: untick Microsoft CHAPv2 Capable (no mschapv2-capable); tunnel group without "
        "password-management",
    ),
    Preset(
        "fortigate",
        # Framed-IP-Address is the person's address at FortiGates alone; elsewhere it is the one inside the tunnel.
        ("Calling-Station-Id", "Framed-IP-Address"),
        window=5.0,
        challenges=True,
        pap_hint="config user radius, edit the server, set auth-type pap",
    ),
    Preset(
        "paloalto",
        ("PaloAlto-Client-Source-IP",),
        window=3 * 3.0,
        challenges=True,
        pap_hint="Device, Server Profiles, RADIUS: Authentication Protocol PAP",
    ),
    Preset(
        "pfsense-openvpn",
        window=5.0,
        challenges=False,
        pap_hint="System, User Manager, Authentication Servers: Protocol PAP",
    ),
    Preset(
        "opnsense-openvpn",
        window=3 * 10.0,
        challenges=False,
        pap_hint="System, Access, Servers: Protocol PAP",
    ),
    Preset(
        "ivanti",
        ("Tunnel-Client-Endpoint",),
        challenges=True,
        pap_hint="Auth. Servers, RADIUS: Authentication protocol PAP (no CHAP, no MS-CHAPv2)",
    ),
    Preset(
        "netscaler",
        ("Calling-Station-Id",),
        window=3.0,
        challenges=True,
        pap_hint="add authentication radiusAction ... -passEncoding pap",
    ),
    Preset(
        "mikrotik",
        ("Calling-Station-Id",),
        window=0.3,
        challenges=False,
        pap_hint="authentication=pap in /interface l2tp-server server, sstp-server server or ovpn-server server",
    ),
)

SOFTWARE = (
    Preset(
        "openvpn-as",
        ("Calling-Station-Id",),
        pap_hint="Authentication, RADIUS: RADIUS Authentication Method PAP",
    ),
    Preset(
        "openvpn-auth-radius",
        ("Calling-Station-Id",),
        window=1.0,
        challenges=False,
        pap_hint="the plugin sends PAP; look for what stands between",
    ),
    Preset(
        "strongswan",
        ("Calling-Station-Id",),
        window=2.0 + 2.8 + 3.9 + 5.5,
        # By EAP-GTC it does; XAuth takes a challenge for a rejection.
        challenges=None,
        eap_gtc=True,
        gtc_rounds=8,
        pap_hint="let the peer use EAP-GTC (eap_gtc), or XAuth with plugins.eap-radius.xauth",
    ),
    Preset(
        "ocserv",
        ("Calling-Station-Id",),
        # radcli: radius_retries counts the packets after the first one.
        window=4 * 10.0,
        challenges=True,
        pap_hint="ocserv sends PAP; look for what stands between",
    ),
    Preset(
        "softether",
        ("Calling-Station-Id",),
        window=15.0,
        challenges=False,
        pap_hint="let the VPN client use password authentication; RADIUS with MS-CHAPv2 (L2TP, SSTP) cannot work",
    ),
    Preset(
        "pam-radius",
        ("Calling-Station-Id",),
        window=3.0,
        challenges=True,
        pap_hint="pam_radius sends PAP; look for what stands between",
    ),
    Preset(
        "squid",
        window=10.0,
        challenges=False,
        pap_hint="basic_radius_auth sends PAP; look for what stands between",
    ),
)

# A hardware address stands where others have the person's.
LOCAL_NETWORKS = (
    Preset("wifi", challenges=False, pap_hint="FreeRADIUS in front ends EAP-TTLS and passes the PAP inside on"),
    Preset(
        "wired-8021x",
        window=30.0,
        challenges=False,
        eap_gtc=True,
        pap_hint="let the supplicant use EAP-GTC (eap=GTC); FreeRADIUS in front for EAP-TTLS",
    ),
)

# What they can show, and where the address stands, is a matter of the NAS behind them.
PROXIES = (
    Preset(
        "freeradius",
        ANY,
        window=20.0,
        pap_hint="end EAP in FreeRADIUS and pass on the PAP inside of TTLS (proxy_tunneled_request_as_eap = no)",
    ),
    Preset("radsecproxy", ANY, window=2 * 5.0, pap_hint="let the NAS behind the proxy send PAP"),
)

PRESETS: Mapping[str, Preset] = {
    preset.name: preset for preset in (GENERIC, *FIREWALLS, *SOFTWARE, *LOCAL_NETWORKS, *PROXIES)
}
