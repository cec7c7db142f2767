"""The section of the provider ``onelogin`` becomes the provider: its secret is read, its CA checked."""

from pushgate.build_secrets import check_ca_file, read_word
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.http import JsonClient
from pushgate.providers.base import Provider
from pushgate.providers.onelogin import OneLogin
from pushgate.providers.onelogin_server import OneLoginServer
from pushgate.providers.onelogin_token import TokenCache, Transport
from pushgate.providers.onelogin_v1 import PasswordLogin
from pushgate.providers.onelogin_v2 import Verifications
from pushgate.sections.onelogin import OneLoginSettings


def build_onelogin(settings: OneLoginSettings, clock: Clock, name: str) -> Provider:
    """Build a client of OneLogin; connects to nothing.

    Raises:
        ConfigurationError: with every file that cannot be used.
    """
    secret = onelogin_secret(settings)
    transport = JsonClient(settings.address, clock, {}, settings.ca_file)
    return assemble(settings, transport, secret, clock, name)


def assemble(settings: OneLoginSettings, transport: Transport, secret: str, clock: Clock, name: str) -> Provider:
    """Put the provider together over a connection."""
    token = TokenCache(transport, settings.client_id, secret, clock)
    server = OneLoginServer(transport, token, clock, calls_per_hour=settings.calls_per_hour)
    passwords = PasswordLogin(
        server, clock, subdomain=settings.subdomain, send_ip=settings.send_ip, allow_no_mfa=settings.allow_no_mfa
    )
    verifications = Verifications(server, clock, attribute=settings.user_attribute)
    return OneLogin(server, passwords, verifications, clock, name=name)


def onelogin_secret(settings: OneLoginSettings) -> str:
    """Read the secret of the API credential; check the CA's file.

    Raises:
        ConfigurationError: naming every file that cannot be used.
    """
    problems: list[PushgateError] = []
    secret = read_word(settings.client_secret_file, problems)
    if settings.ca_file is not None:
        check_ca_file(settings.ca_file, problems)
    if problems:
        raise ConfigurationError(problems)
    return secret
