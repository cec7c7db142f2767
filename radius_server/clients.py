"""Who may ask: the client whose network holds the source address of a datagram, longest prefix first."""

import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from pushgate.errors import ConfigurationError, PushgateError
from radius_server.wire import MessageAuthenticatorMode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

REMEMBERED_ADDRESSES = 4096
"""Addresses whose text is parsed once; the same few NASes and people come again and again."""


@dataclass(frozen=True, slots=True)
class Client:
    """A NAS, or a network of them, that shares one secret with us."""

    name: str
    network: Network
    secret: bytes = field(repr=False)
    message_authenticator: MessageAuthenticatorMode = "auto"
    limit_proxy_state: bool = True
    status_server: bool = True


class ClientTable:
    """Finds the client of a source address."""

    def __init__(self, clients: Sequence[Client]) -> None:
        problems = []
        # Longest prefix first; one dictionary per IP version and prefix length.
        self.networks: dict[tuple[int, int], dict[int, Client]] = {}
        for client in clients:
            network = plain_network(client.network)
            same_size = self.networks.setdefault((network.version, network.prefixlen), {})
            other = same_size.setdefault(int(network.network_address), client)
            if other is not client:
                problems.append(
                    PushgateError(
                        f"radius clients {other.name!r} and {client.name!r} have the same network {network}",
                        "give each its own: which secret would hold?",
                    )
                )
            if not client.secret:
                # RFC 2865 section 3: the secret MUST NOT be empty.
                problems.append(
                    PushgateError(f"radius client {client.name!r} has an empty secret", "write a long random one")
                )
        if problems:
            raise ConfigurationError(problems)
        self.networks = dict(sorted(self.networks.items(), reverse=True))

    def find(self, address: IPAddress) -> Client | None:
        """Return the client of a source address in its plain form, None for a stranger."""
        number = int(address)
        for (version, length), clients in self.networks.items():
            if version != address.version:
                continue
            host_bits = address.max_prefixlen - length
            client = clients.get(number >> host_bits << host_bits)
            if client is not None:
                return client
        return None


@functools.lru_cache(REMEMBERED_ADDRESSES)
def plain_address(text: str) -> IPAddress:
    """Read a numeric address; zones are dropped and IPv4-mapped addresses become IPv4.

    Raises:
        ValueError: if it is not an address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def plain_network(network: Network) -> Network:
    """Turn a network of IPv4-mapped addresses into the IPv4 network that is meant."""
    if isinstance(network, ipaddress.IPv4Network) or network.prefixlen < 96:
        return network
    mapped = network.network_address.ipv4_mapped
    return cast(Network, network) if mapped is None else ipaddress.IPv4Network((mapped, network.prefixlen - 96))
