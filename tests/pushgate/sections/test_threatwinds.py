"""The section threatwinds: where codes may be mailed to, and by which server."""

from pathlib import Path

import pytest

from pushgate.sections.threatwinds import ThreatWindsSettings
from tests.support.settings import faults, load

GOOD = """\
provider:
  type: threatwinds
  url: https://intelligence.threatwinds.com
  address: {template: "{user}@example.com"}
pam:
  services:
    sshd:
"""


def test_the_defaults_are_careful(private_folder: Path) -> None:
    """An administrator who names no more than he must has five mails in a quarter of an hour, to no typed address."""
    settings = load(private_folder, GOOD).provider
    assert isinstance(settings, ThreatWindsSettings)
    assert (settings.mails_per_user, settings.mails_within, settings.code_ttl) == (5, 900, 300)
    assert (settings.kind, settings.ca_file, settings.address.allow_addresses) == (None, None, False)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  url: https://intelligence.threatwinds.com\n", "", "provider.url"),
        ("https://", "http://", "provider.url"),
        ("threatwinds.com", "threatwinds.com/api", "provider.url"),
        ("https://intelligence", "unix:/run/x", "provider.url"),
        ('  address: {template: "{user}@example.com"}\n', "", "provider.address"),
        ('{template: "{user}@example.com"}', "{}", "provider.address"),
        ('{template: "{user}@example.com"}', '{template: "{user}@example.com", map_file: /a}', "provider.address"),
        ("{user}@example.com", "everybody@example.com", "provider.address.template"),
        ("{user}@example.com", "{user}", "provider.address.template"),
        ("{user}@example.com", "{user}@{user}", "provider.address.template"),
        ("{user}@example.com", "{user}@a@example.com", "provider.address.template"),
        ('{template: "{user}@example.com"}', "{map_file: people.yaml}", "provider.address.map_file"),
        ('{template: "{user}@example.com"}', "{ldap: {}}", "provider.address.ldap.servers"),
        ("  address:", "  kind: Standard!\n  address:", "provider.kind"),
        ("  address:", "  code_ttl: 20m\n  address:", "provider.code_ttl"),
        ("  address:", "  mails_per_user: 0\n  address:", "provider.mails_per_user"),
        ("  address:", "  mails_within: 1\n  address:", "provider.mails_within"),
        ("  address:", "  api_key_file: /etc/key\n  address:", "provider.api_key_file"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake in the section is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]
