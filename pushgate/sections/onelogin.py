"""The provider ``onelogin``: OneLogin's cloud."""

from typing import Annotated, Literal

from pydantic import Field

from .common import AbsolutePath, Section, ServerUrl, form

NO_SUBDOMAIN = "must be the first word of your address alone: acme, of https://acme.onelogin.com"


class OneLoginSettings(Section):
    """The provider ``onelogin``: an account of OneLogin, and the API credential that may ask its people."""

    type: Literal["onelogin"]
    subdomain: Annotated[str, form(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", NO_SUBDOMAIN)] = Field(
        description="acme, of https://acme.onelogin.com."
    )
    url: ServerUrl | None = Field(
        None, description="https://api.us.onelogin.com of old accounts. Default: the subdomain's."
    )
    client_id: Annotated[str, form(r"[A-Za-z0-9_-]{1,128}", "is no client id: letters and digits")] = Field(
        description="Of the API credential."
    )
    client_secret_file: AbsolutePath
    ca_file: AbsolutePath | None = Field(None, description="Trust only this CA instead of the system's.")
    user_attribute: Literal["username", "email"] = Field(
        "username", description="What our user names are at OneLogin, where it does not check the password."
    )
    send_ip: bool = Field(False, description="Tell OneLogin the person's address; its IP policy may then skip MFA.")
    allow_no_mfa: bool = Field(
        False, description="Let people in by the password alone in whom OneLogin wants no second factor."
    )
    calls_per_hour: int = Field(4500, ge=60, le=1_000_000, description="Calls that this daemon may make.")

    @property
    def address(self) -> str:
        """Where the account answers."""
        return self.url or f"https://{self.subdomain}.onelogin.com"
