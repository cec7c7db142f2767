"""The address of the person: where the request holds it, and how such an address is written.

NAS-IP-Address and the source of the datagram are addresses of the appliance: they never become the person's.
"""

import functools
import ipaddress
import re
from collections.abc import Collection, Iterable

from pushgate.login import Origin, OriginSource
from radius_server.attributes import TypedAttributes
from radius_server.clients import REMEMBERED_ADDRESSES, IPAddress, plain_address
from radius_server.presets import AddressSource

CISCO_SOURCE = "ip:source-ip="
WRAPPED = re.compile(
    r"""
    \[(?P<bracketed>[0-9A-Fa-f:.%\w]+)\](?::(?P<port>[0-9]{1,5}))?      # [2001:db8::1] and [2001:db8::1]:4500
    | (?P<plain>[0-9A-Fa-f:.%\w]+)\[(?P<ike_port>[0-9]{1,5})\]          # 192.0.2.1[4500], as strongSwan writes
    | (?P<v4>[0-9.]+):(?P<v4_port>[0-9]{1,5})                           # 192.0.2.1:4500
    """,
    re.VERBOSE | re.ASCII,
)
EUI_64 = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}")
"""A hardware address of eight octets, which would also pass for an IPv6 address."""
LONGEST = 80
BROADCAST = ipaddress.IPv4Address("255.255.255.255")
NOWHERE = Origin()


def read_origin(
    attributes: TypedAttributes, sources: Iterable[AddressSource], refused: Collection[IPAddress | None]
) -> Origin:
    """Take the first attribute that holds an address of a person.

    Args:
        attributes: Those of the request.
        sources: Where to look, in order; the client's preset knows.
        refused: Addresses of machines that stand between: the NAS and ourselves.
    """
    for source in sources:
        for text in source_texts(attributes, source):
            address = parse_address(text)
            if address is not None and address not in refused:
                return origin_at(address)
    return NOWHERE


@functools.lru_cache(REMEMBERED_ADDRESSES)
def origin_at(address: IPAddress) -> Origin:
    """Return the origin that an appliance has named."""
    return Origin(str(address), OriginSource.NAS)


def source_texts(attributes: TypedAttributes, source: AddressSource) -> list[str]:
    """Return what stands where a preset looks for the address."""
    if source == "cisco-source-ip":
        pairs = attributes.texts("Cisco-AVPair")
        return [pair.removeprefix(CISCO_SOURCE) for pair in pairs if pair.startswith(CISCO_SOURCE)]
    if source == "Framed-IP-Address":
        framed = attributes.address(source)
        return [] if framed is None else [str(framed)]
    return attributes.texts(source)


@functools.lru_cache(REMEMBERED_ADDRESSES)
def parse_address(text: str) -> IPAddress | None:
    """Read an address in one of the forms that appliances write; None if it is none, or cannot be a person's.

    The forms: ``v4``, ``v4:port``, ``v4[port]``, ``v6``, ``[v6]``, ``[v6]:port``, ``v6[port]``. Hardware addresses,
    unspecified, multicast, broadcast and loopback addresses are refused.
    """
    if len(text) > LONGEST or EUI_64.fullmatch(text):
        return None
    wrapped = WRAPPED.fullmatch(text)
    if wrapped:
        port = wrapped["port"] or wrapped["ike_port"] or wrapped["v4_port"]
        if port and int(port) > 65535:
            return None
        text = wrapped["bracketed"] or wrapped["plain"] or wrapped["v4"]
    try:
        address = plain_address(text)
    except ValueError:
        return None
    if ":" not in text and ("%" in text or (wrapped and wrapped["bracketed"])):
        return None  # zones and brackets are for IPv6
    if address.is_unspecified or address.is_multicast or address.is_loopback or address == BROADCAST:
        return None
    return address
