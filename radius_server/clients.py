"""Who may ask: the client whose network holds the source address of a datagram, longest prefix first."""

import functools
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from pushgate.errors import ConfigurationError, PushgateError
from radius_server.presets import GENERIC, Preset
from radius_server.reply_rules import ReplyRule
from radius_server.wire import MessageAuthenticatorMode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

REMEMBERED_ADDRESSES = 4096
"""Addresses whose text is parsed once; the same few NASes and people come again and again."""

COMMON = ("secret", "message_authenticator", "limit_proxy_state", "status_server", "reflects_backend")
"""What decides about a packet before its NAS-Identifier is believed: clients of one network have it in common."""

Mode = Literal["direct", "hybrid", "challenge"]


@dataclass(frozen=True, slots=True)
class NameRules:
    """How a User-Name becomes the name that the core knows."""

    strip_domain: bool = False
    """``EXAMPLE\\alice`` is ``alice``."""
    strip_realm: bool = False
    """``alice@example.org`` is ``alice``."""
    fold_case: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """A NAS, or a network of them, that shares one secret with us; its name is the service that policy speaks of."""

    name: str
    network: Network
    secret: bytes = field(repr=False)
    nas_identifier: str = ""
    """Only requests with this NAS-Identifier; empty: all others of the network."""
    group: str = ""
    """Clients of one group are one appliance to the person: a login that is asked again at another one is the same."""
    message_authenticator: MessageAuthenticatorMode = "auto"
    limit_proxy_state: bool = True
    status_server: bool = True
    reflects_backend: bool = False
    """Answer no probe while nobody can be asked."""
    preset: Preset = GENERIC
    mode: Mode = "direct"
    """direct: hold the login until its answer. hybrid: hold it as long as the NAS waits, then ask. challenge: ask."""
    window: float | None = None
    """Seconds from its first packet until it gives up, as configured; None: the preset's, or learned."""
    has_password: bool = False
    """There is a first factor, so that the password separates people who share an address."""
    join_by_origin: bool = False
    """The NAS changes NAS-Port and Acct-Session-Id when it asks again: go by the address alone."""
    names: NameRules = NameRules()
    password_encoding: Literal["utf-8", "latin-1"] = "utf-8"  # noqa: S105 - the name of an encoding
    strip_nul: bool = False
    """Cut a password at its first NUL instead of refusing it."""
    probe_users: frozenset[str] = frozenset()
    """Names with which the NAS tests whether we live; they are rejected at once and ask nobody."""
    eap_gtc: bool = False
    abandon: bool = False
    """Withdraw a login whose NAS has stopped to send it again, where its rhythm is known."""
    reply_rules: tuple[ReplyRule, ...] = ()
    """What an Access-Accept carries; a later rule replaces what an earlier one says."""

    @property
    def attempt_group(self) -> str:
        """The name under which its logins are the same."""
        return self.group or self.name


class ClientTable:
    """Finds the client of a request: by its source address, then among those of one network by NAS-Identifier."""

    def __init__(self, clients: Sequence[Client]) -> None:
        """Sort the clients by network.

        Raises:
            ConfigurationError: where two cannot be told apart, or could not be before the packet is proved.
        """
        problems: list[PushgateError] = []
        shared: dict[Network, dict[str, Client]] = {}
        self.profiles: dict[Network, dict[str, Client]] = {}
        for client in clients:
            if not client.secret:
                # RFC 2865 section 3: the secret MUST NOT be empty.
                problems.append(
                    PushgateError(f"radius client {client.name!r} has an empty secret", "write a long random one")
                )
            profiles = shared.setdefault(plain_network(client.network), {})
            problems.extend(_conflicts(profiles, client))
            profiles.setdefault(client.nas_identifier, client)
            # By the network as it was written, too: ``choose`` is asked with the client.
            self.profiles[client.network] = profiles
        if problems:
            raise ConfigurationError(problems)
        # Longest prefix first; one dictionary per IP version and prefix length.
        self.networks: dict[tuple[int, int], dict[int, Client]] = {}
        for network in sorted(shared, key=lambda network: (network.version, network.prefixlen), reverse=True):
            same_size = self.networks.setdefault((network.version, network.prefixlen), {})
            profiles = shared[network]
            same_size[int(network.network_address)] = profiles.get("") or next(iter(profiles.values()))

    def find(self, address: IPAddress) -> Client | None:
        """Return a client of a source address in its plain form, None for a stranger.

        It is good for proving the packet; ``choose`` says whose rules hold.
        """
        number = int(address)
        for (version, length), clients in self.networks.items():
            if version != address.version:
                continue
            host_bits = address.max_prefixlen - length
            client = clients.get(number >> host_bits << host_bits)
            if client is not None:
                return client
        return None

    def choose(self, client: Client, nas_identifier: str | None) -> Client | None:
        """Return the client of a proved packet among those of one network.

        Args:
            client: What ``find`` returned.
            nas_identifier: What the NAS calls itself in the packet, if it does.

        Returns:
            The one with exactly this name, else the one without a name, else None.
        """
        profiles = self.profiles[client.network]
        return profiles.get(nas_identifier or "") or profiles.get("")


def _conflicts(others: Mapping[str, Client], client: Client) -> Iterator[PushgateError]:
    """Yield what keeps a client from sharing its network with those that are there."""
    network = plain_network(client.network)
    twin = others.get(client.nas_identifier)
    if twin is not None:
        what = f" and nas_identifier {client.nas_identifier!r}" if client.nas_identifier else ""
        yield PushgateError(
            f"radius clients {twin.name!r} and {client.name!r} have the same network {network}{what}",
            "give each its own network, or its own nas_identifier",
        )
        return
    for other in others.values():
        for key in COMMON:
            if getattr(other, key) != getattr(client, key):
                yield PushgateError(
                    f"radius clients {other.name!r} and {client.name!r} of network {network} differ in {key}",
                    "give them the same: a packet is proved before its NAS-Identifier is believed",
                )
        return  # the others have been compared with each other


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
