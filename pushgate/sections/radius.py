"""The RADIUS front end: where it listens, and the appliances that may ask."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .common import AbsolutePath, IfUnreachable, ListenAddress, Name, Network, Seconds, Section, yaml_word

SAMPLE_SECRETS = {b"testing123", b"secret", b"radius", b"xyzzy5461"}
"""Secrets out of manuals and RFCs: everybody knows them."""


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
