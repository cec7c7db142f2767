"""Types and checks that the sections of the configuration share."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pushgate.durations import parse_duration

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""With an upper bound for each key: one here would win over that (pydantic 2.14)."""
Duration = Annotated[float, BeforeValidator(parse_duration)]
"""``90s``, ``15m``, ``1h`` or a number of seconds; at most 12 hours."""
Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
IfUnreachable = Literal["deny", "accept"]


def absolute(path: Path) -> Path:
    """Refuse a path that would depend on where the daemon was started."""
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(absolute)]


class Section(BaseModel):
    """A part of the configuration; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(BaseModel):
    """An IP address and port to listen on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: Port

    @classmethod
    def parse(cls, value: Any) -> Any:
        """Read ``192.0.2.1:1812`` or ``[2001:db8::1]:1812``; anything else is left for pydantic to refuse."""
        if not isinstance(value, str):
            return value
        host, colon, port = value.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit():
            raise ValueError('must be "address:port", for example "127.0.0.1:1812"')
        host = host.removeprefix("[").removesuffix("]")
        try:
            return {"host": str(ipaddress.ip_address(host)), "port": int(port)}
        except ValueError:
            raise ValueError(f"{host!r} is not an IP address") from None


ListenAddress = Annotated[Address, BeforeValidator(Address.parse)]


def yaml_word(value: Any) -> Any:
    """Take ``off`` as it was written: YAML 1.1 reads it as false."""
    return "off" if value is False else value


def network(value: Any) -> Any:
    """Read an address or a network in CIDR form; bits set beyond the prefix are a mistake."""
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(str(error)) from None


def plain_ip_address(value: Any) -> str:
    """Read an address and write it in its one canonical form; without a zone, IPv4 also where it came as IPv6."""
    try:
        address = ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        address = None
    if address is None or getattr(address, "scope_id", None):
        raise ValueError("must be an IP address")
    return str(getattr(address, "ipv4_mapped", None) or address)


IpAddress = Annotated[str, BeforeValidator(plain_ip_address)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(network)]


def form(pattern: str, words: str) -> AfterValidator:
    """Make a check of a text's form that says in words what is wrong, where a pattern would say little."""
    expression = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not expression.fullmatch(value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


def server_url(url: str, schemes: str = "https://") -> str:
    """Refuse what is no plain ``scheme://host:port``, and plain HTTP to another machine.

    Raises:
        ValueError: naming what is wrong.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (parts.scheme == "https" and parts.hostname) and not local:
        raise ValueError(f"must start with {schemes} (http:// only to this machine)")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("must end behind the host or its port: the path is added, and the key has its own file")
    if parts.port == 0:
        raise ValueError("must have a port from 1 to 65535")
    return url


ServerUrl = Annotated[str, AfterValidator(server_url)]
"""Where a secret may be sent to."""
