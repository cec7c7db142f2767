"""What is known of each family of appliances: where the person's address stands, how long it waits, what it can ask."""

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
    challenges: bool = False
    """It shows an Access-Challenge and sends what was typed."""
    eap_gtc: bool = False
    """It passes EAP on, and its way to the person is protected (IKEv2), so that we may end EAP-GTC."""
    gtc_rounds: int = 1
    """How often it lets the person answer within one EAP conversation."""
    pap_hint: str = ""
    """The setting that makes it send PAP, for the log."""


GENERIC = Preset(
    "generic", ("PaloAlto-Client-Source-IP", "cisco-source-ip", "Tunnel-Client-Endpoint", "Calling-Station-Id")
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (GENERIC,)}
