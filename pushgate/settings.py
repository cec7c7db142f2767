"""The configuration: one pydantic model; every fault at once, each with file, line and key."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import read_trusted
from pushgate.yamlfile import KeyPath, load_with_lines

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
IfUnreachable = Literal["deny", "accept"]

SAMPLE_SECRETS = {b"testing123", b"secret", b"radius", b"xyzzy5461"}
"""Secrets out of manuals and RFCs: everybody knows them."""


def absolute(path: Path) -> Path:
    """Refuse a path that would depend on where the daemon was started."""
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(absolute)]


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


class Section(BaseModel):
    """A part of the configuration; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoginSettings(Section):
    """What holds for every login."""

    timeout: Seconds = Field(60, ge=1, le=300, description="Seconds that a person has to answer.")
    max_pending: int = Field(5000, ge=1, le=100_000, description="Logins that may wait at the same time.")
    max_pending_per_user: int = Field(20, ge=1, le=1000, description="The same of one user, so that none fills it all.")


class LoginTcSettings(Section):
    """The provider ``logintc``: LoginTC's cloud, or our own authority."""

    type: Literal["logintc"]
    url: str = Field(description="https://cloud.logintc.com, or unix:/path of the authority's socket.")
    api_key_file: AbsolutePath
    domain_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,128}$")
    domain_id_file: AbsolutePath | None = None
    ca_file: AbsolutePath | None = Field(None, description="Trust only this CA instead of the system's.")
    send_command: bool | None = Field(
        None, description="Show sudo's command on the phone. Default: only with our own authority, it can hold secrets."
    )

    @model_validator(mode="after")
    def check(self) -> "LoginTcSettings":
        """Require one domain and an address that a secret may be sent to."""
        if (self.domain_id is None) == (self.domain_id_file is None):
            raise ValueError("needs exactly one of domain_id and domain_id_file")
        if not self.url.startswith("unix:/"):
            check_server(self.url)
        return self


def check_server(url: str) -> None:
    """Refuse what is no plain ``scheme://host:port``, and plain HTTP to another machine.

    Raises:
        ValueError: naming what is wrong.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (parts.scheme == "https" and parts.hostname) and not local:
        raise ValueError("url must start with https:// or unix:/ (http:// only to this machine)")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("url must end behind the host or its port: the path is added, and the key has its own file")
    if parts.port == 0:
        raise ValueError("url must have a port from 1 to 65535")


def yaml_word(value: Any) -> Any:
    """Take ``off`` as it was written: YAML 1.1 reads it as false."""
    return "off" if value is False else value


def network(value: Any) -> Any:
    """Read an address or a network in CIDR form; bits set beyond the prefix are a mistake."""
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(str(error)) from None


Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(network)]


class RadiusClient(Section):
    """A NAS, or a network of them, that shares one secret."""

    name: Name
    address: Network
    secret_file: AbsolutePath
    message_authenticator: Annotated[Literal["required", "auto", "off"], BeforeValidator(yaml_word)] = "auto"
    limit_proxy_state: bool = True
    status_server: bool = True
    if_unreachable: IfUnreachable = "deny"


class RadiusSettings(Section):
    """The RADIUS front end."""

    listen: list[ListenAddress] = Field(min_length=1, max_length=16)
    first_factor: Literal["none"] = Field(
        description="Who checks the password. none: the field must be empty or the word push."
    )
    answer_within: Seconds = Field(
        28, ge=1, le=300, description="Seconds after which the NAS must have its answer (RFC 5080 clients wait 30 s)."
    )
    max_pending_per_client: int = Field(500, ge=1, le=100_000)
    receive_buffer: int = Field(4 * 1024 * 1024, ge=65_536, le=256 * 1024 * 1024)
    clients: list[RadiusClient] = Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def check(self) -> "RadiusSettings":
        """Refuse two clients of one name or one network: which secret would hold?"""
        for what in ("name", "address"):
            values = [getattr(client, what) for client in self.clients]
            twice = {str(value) for value in values if values.count(value) > 1}
            if twice:
                raise ValueError(f"two clients have the same {what}: {', '.join(sorted(twice))}")
        return self


class PamService(Section):
    """What holds for one PAM service."""

    if_unreachable: IfUnreachable = "deny"


class PamSettings(Section):
    """The PAM front end."""

    socket: AbsolutePath = Path("/run/pushgate/pam.sock")
    allowed_peer_uids: list[int] = Field(
        default_factory=list, max_length=16, description="Beside root; only for tests that are not root."
    )
    services: dict[Name, PamService] = Field(min_length=1, max_length=64)

    @model_validator(mode="before")
    @classmethod
    def empty_service(cls, data: Any) -> Any:
        """Let ``sshd:`` stand alone, without an empty pair of braces."""
        if isinstance(data, dict) and isinstance(data.get("services"), dict):
            data = {**data, "services": {k: {} if v is None else v for k, v in data["services"].items()}}
        return data


class AuthoritySettings(Section):
    """Our own authority, when this process runs it."""

    folder: AbsolutePath = Path("/var/lib/pushgate/authority")
    socket: AbsolutePath | None = Path("/run/pushgate/authority.sock")
    listen: ListenAddress | None = Field(None, description="The LoginTC API over TCP, loopback only.")
    page: ListenAddress = Field(
        default_factory=lambda: Address(host="127.0.0.1", port=8080), description="The approval page, loopback only."
    )
    organization: str = Field("pushgate", min_length=1, max_length=128)
    domain: str = Field("default", min_length=1, max_length=128)
    request_timeout: int = Field(90, ge=5, le=300, description="Seconds that a session may stay pending.")

    @model_validator(mode="after")
    def check(self) -> "AuthoritySettings":
        """Neither plane speaks TLS yet, so neither may leave this machine."""
        for key in ("listen", "page"):
            address: Address | None = getattr(self, key)
            if address is not None and not ipaddress.ip_address(address.host).is_loopback:
                raise ValueError(f"{key} must be a loopback address: TLS is not built in yet")
        return self


class AuditSettings(Section):
    """Where the record of each decision goes."""

    file: AbsolutePath | None = Field(None, description="JSON lines; without it they go to standard output.")


class LogSettings(Section):
    """What the daemon says on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(Section):
    """All of it. A part that is not named does not run."""

    login: LoginSettings = LoginSettings()
    provider: LoginTcSettings | None = None
    radius: RadiusSettings | None = None
    pam: PamSettings | None = None
    authority: AuthoritySettings | None = None
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def check(self) -> "Settings":
        """Check what concerns more than one part."""
        if not (self.radius or self.pam or self.authority):
            raise ValueError("nothing to run: name at least one of radius, pam and authority")
        if (self.radius or self.pam) and not self.provider:
            raise ValueError("provider is missing: radius and pam need one that asks the person")
        if self.radius and self.pam:
            both = {client.name for client in self.radius.clients} & set(self.pam.services)
            if both:
                raise ValueError(f"a RADIUS client and a PAM service share the name {', '.join(sorted(both))}")
        return self


def load_settings(path: Path) -> Settings:
    """Read and check the configuration file.

    Raises:
        ConfigurationError: with every fault that was found, each naming file, line and key.
    """
    data, lines = load_with_lines(str(path), read_trusted(path, secret=False, limit=256 * 1024))
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        faults = sorted(error.errors(), key=lambda fault: line_of(lines, fault["loc"]))
        raise ConfigurationError([_problem(path, lines, fault) for fault in faults]) from None


def line_of(lines: dict[KeyPath, int], location: KeyPath) -> int:
    """Return the line of a key; of the section around it if the key is missing."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def _problem(path: Path, lines: dict[KeyPath, int], fault: Any) -> PushgateError:
    """Turn one fault of pydantic into an error that names the place in the file; never shows the value."""
    location: KeyPath = tuple(fault["loc"])
    key = ".".join(str(part) for part in location) or "(top level)"
    if fault["type"] == "extra_forbidden":
        message, hint = "unknown key", "remove it, or look for a spelling mistake"
    elif fault["type"] == "missing":
        message, hint = "required key is missing", "add it; config/pushgate.yaml shows every key"
    else:
        message, hint = str(fault["msg"]).removeprefix("Value error, "), "config/pushgate.yaml shows every key"
    return PushgateError(f"{path}:{line_of(lines, location)}: {key}: {message[:1].lower()}{message[1:]}", hint)
