"""The provider ``threatwinds``: codes by mail."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .common import AbsolutePath, Duration, Section, ServerUrl, form
from .firstfactor import LdapAttribute, LdapSearch

NO_TEMPLATE = "must hold {user}, an @ and a domain: {user}@example.com"


class LdapAddressSettings(LdapSearch):
    """A directory that knows people's addresses."""

    attribute: LdapAttribute = Field("mail", description="Which attribute is the address; it must have one value.")


class AddressSettings(Section):
    """Where the code of a user is mailed to: one way."""

    template: Annotated[str, form(r"[^@\s]*\{user\}[^@\s]*@[A-Za-z0-9.-]{1,200}", NO_TEMPLATE)] | None = Field(
        None, description="Such as {user}@example.com."
    )
    map_file: AbsolutePath | None = Field(
        None, description="A YAML file with a line for each user: alice: a@example.com"
    )
    ldap: LdapAddressSettings | None = None
    allow_addresses: bool = Field(False, description="A user name that is an address is mailed to as it was typed.")

    @model_validator(mode="after")
    def check(self) -> Self:
        """Require one way."""
        if sum(way is not None for way in (self.template, self.map_file, self.ldap)) != 1:
            raise ValueError("needs exactly one of template, map_file and ldap")
        return self


class ThreatWindsSettings(Section):
    """ThreatWinds; there is no key, because creating a session needs none."""

    type: Literal["threatwinds"]
    url: ServerUrl = Field(description="https://intelligence.threatwinds.com, or https://api.threatwinds.com.")
    address: AddressSettings
    kind: Annotated[str, form(r"[a-z0-9_-]{1,32}", "must be one word in small letters")] | None = Field(
        None, description="The kind of session, where it is wanted."
    )
    code_ttl: Annotated[Duration, Field(ge=30, le=900)] = Field(300, description="How long a mailed code is taken.")
    mails_per_user: int = Field(5, ge=1, le=100, description="Mails to one mailbox within mails_within.")
    mails_within: Annotated[Duration, Field(ge=60, le=43200)] = Field(900, description="Within how long.")
    ca_file: AbsolutePath | None = Field(None, description="Trust only this CA instead of the system's.")
