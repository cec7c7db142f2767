"""Who checks the password before anybody is asked: ``none``, ``provider``, or a mapping with a ``type``."""

import ipaddress
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from .common import AbsolutePath, Port, Section

# Not common.Seconds: where an annotation and its field both have a bound, pydantic 2.14 takes the annotation's.
ShortSeconds = Annotated[float, Field(ge=0.5, le=60, allow_inf_nan=False)]

Threads = Annotated[int, Field(ge=1, le=64)]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")]
# libpam lowers the case of service names; a name with a slash would be a path.
PamServiceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
DistinguishedName = Annotated[str, Field(min_length=3, max_length=1024, pattern="=")]
LdapAttribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]


class PamFirstFactor(Section):
    """A PAM stack of this machine."""

    type: Literal["pam"]
    service: PamServiceName = Field("pushgate-password", description="The file in /etc/pam.d.")
    workers: int = Field(2, ge=1, le=16, description="Processes, each checking one password at a time.")
    timeout: ShortSeconds = Field(10, description="Seconds that one check may take; then its worker is replaced.")


class LdapServer(BaseModel):
    """Where a directory answers; TLS from the first octet, or by StartTLS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host
    port: Port
    ldaps: bool

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine can listen in."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def parse(cls, value: Any) -> Any:
        """Read ``ldaps://host``, ``ldap://host:389``; anything else is left for pydantic to refuse."""
        if not isinstance(value, str):
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("ldap", "ldaps") or not parts.hostname:
            raise ValueError("must be ldaps://host or ldap://host, which is StartTLS")
        if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must end behind the host or its port")
        ldaps = parts.scheme == "ldaps"
        if parts.port == 0:
            raise ValueError("must have a port from 1 to 65535")
        return {"host": parts.hostname, "port": parts.port or (636 if ldaps else 389), "ldaps": ldaps}


LdapAddress = Annotated[LdapServer, BeforeValidator(LdapServer.parse)]


def names_the_user(text: str) -> str:
    """Require the place of the user name in a filter."""
    if "{user}" not in text:
        raise ValueError("must hold {user}, where the user name goes")
    return text


def names_the_person(text: str) -> str:
    """Require the place of the person in a filter for groups."""
    if "{dn}" not in text and "{user}" not in text:
        raise ValueError("must hold {dn}, the person's entry, or {user}")
    return text


class LdapSearch(Section):
    """A directory, and how a person's entry is found there."""

    servers: list[LdapAddress] = Field(min_length=1, max_length=8, description="Asked in this order.")
    plaintext: bool = Field(False, description="No TLS for ldap://; only for servers on this machine.")
    ca_file: AbsolutePath | None = Field(None, description="Trust only this CA instead of the system's.")
    bind_dn: DistinguishedName = Field(description="The account that searches.")
    bind_password_file: AbsolutePath
    base_dn: DistinguishedName = Field(description="Where people are.")
    user_filter: Annotated[str, Field(max_length=1024), AfterValidator(names_the_user)] = Field(
        description="Which entry is the person's: (uid={user}), or (sAMAccountName={user})."
    )
    timeout: ShortSeconds = Field(5, description="Seconds for each server.")
    threads: Threads = Field(8, description="Checks at the same time.")

    @model_validator(mode="after")
    def check_transport(self) -> Self:
        """Passwords leave this machine under TLS or not at all."""
        if self.plaintext and not all(server.loopback for server in self.servers):
            raise ValueError("plaintext is only for servers on this machine: anybody on the way could read passwords")
        return self


class LdapFirstFactor(LdapSearch):
    """A directory: a search for the person's entry, and a bind with the person's password."""

    type: Literal["ldap"]
    group_attribute: LdapAttribute | None = Field(None, description="Attribute that names the groups: memberOf.")
    group_filter: Annotated[str, Field(max_length=1024), AfterValidator(names_the_person)] | None = Field(
        None, description="Which entries are groups of the person: (member={dn})."
    )
    group_base_dn: DistinguishedName | None = Field(None, description="Where groups are; default: base_dn.")

    @model_validator(mode="after")
    def check_groups(self) -> Self:
        """Groups come from one source."""
        if self.group_attribute and self.group_filter:
            raise ValueError("takes one of group_attribute and group_filter")
        if self.group_base_dn and not self.group_filter:
            raise ValueError("group_base_dn does nothing without group_filter")
        return self


class UpstreamServer(Section):
    """A RADIUS server that knows the passwords."""

    host: Host
    port: int = Field(1812, ge=1, le=65535)
    secret_file: AbsolutePath
    message_authenticator: Literal["required", "auto"] = Field(
        "required", description="auto: take replies without one, which somebody on the way can forge (CVE-2024-3596)."
    )


class RadiusFirstFactor(Section):
    """Another RADIUS server, asked by PAP."""

    type: Literal["radius"]
    servers: list[UpstreamServer] = Field(min_length=1, max_length=8, description="Asked in this order.")
    timeout: ShortSeconds = Field(3, description="Seconds after each send.")
    tries: int = Field(2, ge=1, le=10, description="Sends to each server.")
    relay: list[str] = Field(
        default_factory=list, max_length=64, description="Attributes of its Access-Accept that the NAS gets, by name."
    )
    threads: Threads = Field(16, description="Checks at the same time.")


def kind(value: Any) -> str:
    """Say which form a first factor has, so that a mistake is reported for that form alone."""
    if isinstance(value, dict):
        return str(value.get("type", ""))
    return "word" if isinstance(value, str) else str(getattr(value, "type", ""))


FirstFactorSettings = Annotated[
    Annotated[Literal["none", "provider"], Tag("word")]
    | Annotated[PamFirstFactor, Tag("pam")]
    | Annotated[LdapFirstFactor, Tag("ldap")]
    | Annotated[RadiusFirstFactor, Tag("radius")],
    Discriminator(
        kind,
        custom_error_type="first_factor",
        custom_error_message="must be none, provider, or a section with type: pam, ldap or radius",
    ),
]
"""Who checks the password."""
