"""RadSec, RADIUS over TLS: where it listens, its certificates, and the clients that are known by theirs."""

import re
from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from .common import AbsolutePath, Address, ListenAddress, Network, Section
from .radius_client import ClientBehaviour, Text, networks

DNS_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
FINGERPRINT = re.compile(r"(?:sha256:)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})", re.IGNORECASE)
WHERE_OPENSSL = "openssl x509 -noout -fingerprint -sha256 -in FILE prints it"


def whole_name(value: str) -> str:
    """Refuse what no certificate can be compared with, such as a pattern."""
    if "*" in value:
        raise ValueError("must be one whole name: certificates are not compared with patterns")
    if ":" not in value and not DNS_NAME.fullmatch(value):
        raise ValueError("must be a DNS name, an IP address or a URI, as it stands in the certificate")
    return value


def fingerprint(value: str) -> str:
    """Read ``sha256:`` and 32 octets in hexadecimal, with colons or without."""
    found = FINGERPRINT.fullmatch(value)
    if found is None:
        raise ValueError(f"must be sha256: and 64 hexadecimal digits; {WHERE_OPENSSL}")
    return found[1].replace(":", "").lower()


class RadsecClient(ClientBehaviour):
    """A client that is known by its certificate."""

    certificate_name: Annotated[Text, AfterValidator(whole_name)] | None = None
    certificate_common_name: Text | None = None
    certificate_fingerprint: Annotated[Text, AfterValidator(fingerprint)] | None = None
    address: Annotated[list[Network], BeforeValidator(networks)] = Field(
        [], max_length=1000, description="Where it may connect from."
    )

    @model_validator(mode="after")
    def check_certificate(self) -> "RadsecClient":
        """Refuse a client that is known by nothing, or by two things."""
        named = (self.certificate_name, self.certificate_common_name, self.certificate_fingerprint)
        if sum(value is not None for value in named) != 1:
            raise ValueError(
                "name its certificate by one of certificate_name, certificate_common_name, certificate_fingerprint"
            )
        return self


class RadsecSettings(Section):
    """RADIUS over TLS."""

    listen: list[ListenAddress] = Field(
        default_factory=lambda: [Address(host="0.0.0.0", port=2083), Address(host="::", port=2083)],  # noqa: S104
        min_length=1,
        max_length=16,
    )
    certificate_file: AbsolutePath
    key_file: AbsolutePath
    client_ca_file: AbsolutePath
    max_connections: int = Field(100, ge=1, le=10_000)
    max_connections_per_client: int = Field(20, ge=1, le=10_000)
    idle_timeout: float = Field(600, ge=10, le=86_400, description="Seconds without a packet.")
    max_lifetime: float = Field(86_400, ge=60, le=2_592_000, description="Seconds until certificates are shown anew.")
    clients: list[RadsecClient] = Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def check(self) -> "RadsecSettings":
        """Refuse two clients that nothing tells apart."""
        names = [
            str(client.certificate_name or client.certificate_common_name or client.certificate_fingerprint).lower()
            for client in self.clients
        ]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"two clients have the same certificate: {', '.join(sorted(twice))}")
        return self
