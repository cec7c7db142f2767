"""The RadSec section becomes certificates, limits and clients: every file is read before anything is exchanged."""

import ipaddress

from pushgate.build_radius import behaving, compile_rules, first_factor_of
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.sections.radius import RadiusSettings
from pushgate.sections.radsec import RadsecClient
from radius_server import certificates
from radius_server.certificates import CertificateTable, Mark
from radius_server.radsec import RadsecLimits, RadsecRules
from radius_server.tls import TlsFiles, load_tls

ANYWHERE = ipaddress.ip_network("0.0.0.0/0")
"""Stands in a client where networks play no part."""


def build_radsec(radius: RadiusSettings, clock: Clock) -> RadsecRules | None:
    """Read the certificates, and make the clients; None where nobody comes by RadSec.

    Raises:
        ConfigurationError: naming every file and every reply attribute that cannot be used.
    """
    radsec = radius.radsec
    if radsec is None:
        return None
    problems: list[PushgateError] = []
    clients = [make_client(client, radius, problems) for client in radsec.clients]
    files = TlsFiles(radsec.certificate_file, radsec.key_file, radsec.client_ca_file)
    try:
        tls, table = load_tls(files, clock.wall()), CertificateTable(clients)
    except ConfigurationError as error:
        raise ConfigurationError([*problems, *error.problems]) from None
    if problems:
        raise ConfigurationError(problems)
    limits = RadsecLimits(
        max_connections=radsec.max_connections,
        max_connections_per_client=radsec.max_connections_per_client,
        idle_timeout=radsec.idle_timeout,
        max_lifetime=radsec.max_lifetime,
    )
    return RadsecRules(tls, table, limits)


def make_client(
    client: RadsecClient, radius: RadiusSettings, problems: list[PushgateError]
) -> certificates.RadsecClient:
    """Make a client of the front end; what is wrong with its reply attributes goes to ``problems``."""
    general = compile_rules("radius", radius.reply_attributes, [])
    own = compile_rules(f"radius client {client.name!r}", client.reply_attributes, problems)
    made = behaving(client, ANYWHERE, first_factor_of(client, radius), general + own)
    return certificates.RadsecClient(made, mark_of(client), tuple(client.address))


def mark_of(client: RadsecClient) -> Mark:
    """Return what a client's certificate is known by."""
    if client.certificate_fingerprint is not None:
        return Mark.of_fingerprint(client.certificate_fingerprint)
    if client.certificate_common_name is not None:
        return Mark("common_name", client.certificate_common_name)
    return Mark.of_name(str(client.certificate_name))
