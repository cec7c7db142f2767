"""Services at which nobody can get in are named at the start."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pushgate.build_dead_ends import warn_about_dead_ends
from pushgate.build_routes import build_routes
from tests.support.settings import load

PROVIDERS = """\
providers:
  mail: {type: threatwinds, url: "https://x.example", address: {template: "{user}@example.com"}}
  codes: {type: clerk, secret_key_file: /etc/pushgate/clerk.key}
  one: {type: onelogin, subdomain: acme, client_id: abc, client_secret_file: /etc/pushgate/one.secret}
  phones: {type: logintc, url: "https://x.example", api_key_file: /etc/pushgate/key, domain_id: abc}
login: {providers: [phones, mail]}
"""
PAM = "pam: {{services: {{sshd: {{{}}}}}}}\n"
RADIUS = """\
radius:
  listen: ["127.0.0.1:1812"]
  first_factor: none
  clients: [{{name: vpn, address: 192.0.2.1, secret_file: /etc/pushgate/vpn.secret, {}}}]
"""


def warned(folder: Path, front: str, keys: str) -> list[Any]:
    """Return of which providers a configuration is warned."""
    settings = load(folder, PROVIDERS + front.format(keys))
    with capture_logs() as logs:
        warn_about_dead_ends(settings, build_routes(settings))
    assert all(line["event"] == "lets_nobody_in" and line["hint"] for line in logs)
    return [line["provider"] for line in logs]


@pytest.mark.parametrize(
    ("front", "keys", "providers"),
    [
        (PAM, "providers: [mail], prompt: silent", ["mail"]),
        (PAM, "providers: [codes], prompt: silent", ["codes"]),
        (PAM, "providers: [one], number: required", ["one"]),
        (PAM, "providers_for: [{users: [root], providers: [codes]}], prompt: silent", ["codes"]),
        (RADIUS, "providers: [mail], mode: direct", ["mail"]),
        (RADIUS, "providers: [mail], number: required, mode: challenge", ["mail"]),
        (PAM, "prompt: silent", []),
        (PAM, "number: required", []),
        (PAM, "providers: [mail, codes, one]", []),
        (RADIUS, "mode: direct", []),
        (RADIUS, "providers: [codes], mode: direct", []),
        (RADIUS, "providers: [mail], mode: challenge", []),
        (RADIUS, "providers: [mail], mode: direct, two_attempts: 2m", []),
    ],
)
def test_a_service_that_lets_nobody_in_is_named(
    private_folder: Path, front: str, keys: str, providers: list[str]
) -> None:
    """An administrator whose provider can let nobody in at a service reads so at the start; nobody else reads it."""
    assert warned(private_folder, front, keys) == providers
