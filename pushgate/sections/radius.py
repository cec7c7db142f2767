"""The RADIUS front end: where it listens, and the appliances that may ask."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .common import AbsolutePath, ListenAddress, Seconds, Section
from .firstfactor import FirstFactorSettings
from .radius_client import ClientBehaviour, RadiusClient, ReplyRuleSettings
from .radsec import RadsecSettings


class RadiusSettings(Section):
    """The RADIUS front end."""

    radsec: RadsecSettings | None = None
    listen: list[ListenAddress] = Field(max_length=16)
    accounting_listen: list[ListenAddress] = Field([], max_length=16)
    first_factor: FirstFactorSettings = Field(
        description="Who checks the password. none: the field must be empty or hold a factor."
    )
    answer_within: Seconds = Field(
        28, ge=1, le=300, description="Seconds after which the NAS must have its answer (RFC 5080 clients wait 30 s)."
    )
    max_pending_per_client: int = Field(500, ge=1, le=100_000)
    receive_buffer: int = Field(4 * 1024 * 1024, ge=65_536, le=256 * 1024 * 1024)
    state_folder: AbsolutePath | None = Field(None, description="Where is kept who has signed its requests.")
    join_key_file: AbsolutePath | None = Field(
        None, description="A secret that several daemons share, so that a login asked again at another is the same."
    )
    reply_attributes: list[ReplyRuleSettings] = Field([], max_length=100)
    clients: list[RadiusClient] = Field(max_length=10_000)

    @field_validator("listen", "clients")
    @classmethod
    def check_needed(cls, value: list[Any], others: ValidationInfo) -> list[Any]:
        """Refuse an empty list, unless everybody comes by RadSec; that key stands first because of this."""
        if not value and others.data.get("radsec") is None:
            raise ValueError("must not be empty without radsec")
        return value

    @model_validator(mode="after")
    def check(self) -> "RadiusSettings":
        """Refuse two clients that nothing tells apart: which secret would hold?"""
        names = [client.name for client in self.everybody()]
        for what, values in (("name", names), ("address", list(self.places()))):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise ValueError(f"two clients have the same {what}: {', '.join(sorted(twice))}")
        groups = {client.group for client in self.everybody() if client.group}
        alone = [client.name for client in self.everybody() if client.name in groups - {client.group}]
        if alone:
            # Its logins would be joined with theirs.
            raise ValueError(f"the name of a client is the group of others: {', '.join(sorted(alone))}")
        split = [client for client in self.everybody() if client.password_may_contain_separator]
        asked_twice = [each.name for each in split if (each.first_factor or self.first_factor) == "provider"]
        if asked_twice:
            # Each refused password counts towards the provider's lock.
            who = ", ".join(asked_twice)
            raise ValueError(f"password_may_contain_separator is not for first_factor: provider: {who}")
        both = {f"{address.host}:{address.port}" for address in self.listen if address.port}
        both &= {f"{address.host}:{address.port}" for address in self.accounting_listen}
        if both:
            raise ValueError(f"listen and accounting_listen share {', '.join(sorted(both))}")
        return self

    def everybody(self) -> Iterator[ClientBehaviour]:
        """Yield every client, whatever it is known by."""
        yield from self.clients
        yield from self.radsec.clients if self.radsec else ()

    def places(self) -> Iterator[str]:
        """Yield for each client what finds it: a network, and a name within it."""
        for client in self.clients:
            for network in client.address:
                yield f"{network} {client.nas_identifier}" if client.nas_identifier else str(network)
