"""One client of the RADIUS front end: who it is, how it behaves, and what holds for the people behind it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .common import AbsolutePath, Duration, Name, Network, Seconds, Section, network, yaml_word
from .firstfactor import FirstFactorSettings
from .routing import Routed

PresetName = Literal[
    "generic",
    "cisco-asa",
    "fortigate",
    "paloalto",
    "pfsense-openvpn",
    "opnsense-openvpn",
    "ivanti",
    "netscaler",
    "mikrotik",
    "openvpn-as",
    "openvpn-auth-radius",
    "strongswan",
    "ocserv",
    "softether",
    "pam-radius",
    "squid",
    "wifi",
    "wired-8021x",
    "freeradius",
    "radsecproxy",
]
"""The names of ``radius_server.presets``, which this layer does not import."""
Factor = Literal["push", "push+number", "code", "exempt", "fail_open"]
SEPARATOR_CHARACTERS = frozenset("!#$%&*+,-./:;=?@^_|~")

Text = Annotated[str, Field(min_length=1, max_length=253)]
UserName = Annotated[str, Field(min_length=1, max_length=128)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


def one_or_list(value: Any) -> Any:
    """Let a single value stand without brackets."""
    return value if isinstance(value, list) else [value]


def networks(value: Any) -> Any:
    """Read one network or a list of them."""
    return [network(each) for each in one_or_list(value)]


def attribute_values(value: Any) -> Any:
    """Take text, a number, or a list of them; YAML's other types are a sign of missing quotes."""
    values = one_or_list(value)
    if not 1 <= len(values) <= 64 or not all(type(each) in (str, int) for each in values):
        raise ValueError("must be text or a number, or a list of at most 64 of them; quotes make text of anything")
    return values


def separator(value: Any) -> Any:
    """Take ``off`` for nothing; refuse what could be a part of a factor."""
    word = yaml_word(value)
    if word == "off":
        return ""
    if not isinstance(word, str) or not 1 <= len(word) <= 4 or not SEPARATOR_CHARACTERS.issuperset(word):
        raise ValueError(f"must be off, or 1 to 4 of the characters {''.join(sorted(SEPARATOR_CHARACTERS))}")
    return word


class ReplyRuleSettings(Section):
    """Attributes of an Access-Accept for those who meet every condition."""

    groups: list[Text] | None = Field(None, min_length=1, max_length=1000)
    factors: list[Factor] | None = Field(None, min_length=1, max_length=5)
    add: dict[str, Annotated[list[str | int], BeforeValidator(attribute_values)]] = Field(min_length=1, max_length=64)


class ClientBehaviour(Routed):
    """How a client behaves and what holds for the people behind it, however it is known and reached."""

    name: Name
    group: Name | None = None
    status_server: bool | Literal["reflect_backend"] = True

    preset: PresetName = "generic"
    mode: Literal["direct", "hybrid", "challenge"] | None = None
    nas_timeout: Annotated[Seconds, Field(le=3600)] | None = None
    nas_retries: int = Field(0, ge=0, le=20)
    join: Literal["exact", "origin"] = "exact"
    eap_gtc: bool | None = None

    strip_domain: bool = False
    strip_realm: bool = False
    fold_case: bool = False
    password_encoding: Literal["utf-8", "latin-1"] = "utf-8"  # noqa: S105 - the name of an encoding
    strip_nul: bool = False
    append_separator: Annotated[str, BeforeValidator(separator)] = ","
    password_may_contain_separator: bool = False

    first_factor: FirstFactorSettings | None = None
    number: Annotated[Literal["off", "optional", "required"], BeforeValidator(yaml_word)] = "optional"
    two_attempts: Annotated[Duration, Field(ge=10, le=900)] | None = None
    probe_users: list[UserName] = Field([], max_length=1000)
    exempt_users: list[UserName] = Field([], max_length=10_000)
    exempt_groups: list[Text] = Field([], max_length=1000)
    reply_attributes: list[ReplyRuleSettings] = Field([], max_length=100)

    @model_validator(mode="after")
    def check_modes(self) -> "ClientBehaviour":
        """Refuse a number of retries of nothing, and a second attempt where the first can ask."""
        if self.two_attempts is not None and self.mode in ("hybrid", "challenge"):
            raise ValueError(f"two_attempts is for appliances without challenges, and mode is {self.mode}")
        if self.nas_timeout is None and "nas_retries" in self.model_fields_set:
            raise ValueError("nas_retries says nothing without nas_timeout")
        return self

    @property
    def window(self) -> float | None:
        """Seconds from its first packet until it gives up, as configured."""
        return None if self.nas_timeout is None else self.nas_timeout * (self.nas_retries + 1)


class RadiusClient(ClientBehaviour):
    """A NAS, or networks of them, that share one secret."""

    address: Annotated[list[Network], BeforeValidator(networks)] = Field(min_length=1, max_length=1000)
    nas_identifier: Text | None = None
    secret_file: AbsolutePath | None = None
    secret_env: EnvironmentName | None = None
    message_authenticator: Annotated[Literal["required", "auto", "off"], BeforeValidator(yaml_word)] = "auto"
    limit_proxy_state: bool = True
    abandon_after: Annotated[Literal["off", "learned"], BeforeValidator(yaml_word)] = "off"

    @model_validator(mode="after")
    def check_secret(self) -> "RadiusClient":
        """Refuse a client without a secret, and one with two."""
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("name its secret by one of secret_file and secret_env")
        return self
