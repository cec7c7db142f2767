"""The configuration becomes the route of each login."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pushgate import build_routes as building
from pushgate.build_routes import build_routes, offline_rung, password_faults, shown_routes
from pushgate.offline.spelling import Kind
from pushgate.settings import Settings, load_settings
from tests.support.config import PROVIDER, RADIUS, named, write_config
from tests.support.core import make_login

CLOUD = named("cloud", PROVIDER)
OFFLINE = "offline: {{file: {folder}/offline.db}}\n"
PAM = """\
pam:
  services:
    sshd:
      providers: [provider, cloud]
      providers_for: [{{users: [root], groups: [ops], providers: [cloud]}}]
      fallback: [break_glass, offline_totp]
    sudo:
"""


def settings_of(folder: Path, *parts: str) -> Settings:
    """Write and load a configuration."""
    return load_settings(write_config(folder, *parts))


def test_each_service_has_its_route(private_folder: Path) -> None:
    """An administrator's rules go before the service's own order, the codes below both; others have the default."""
    radius = RADIUS.replace("secret_file", "providers: [cloud], fold_case: true, providers_for: %s, secret_file")
    radius = radius % "[{{users: [Bob], providers: [provider]}}]"
    routes = build_routes(settings_of(private_folder, PROVIDER, CLOUD, OFFLINE, PAM, radius))
    codes = "offline_totp+break_glass"
    for login, order in (
        (make_login(), ("provider", "cloud", codes)),
        (make_login(user="root"), ("cloud", codes)),
        (make_login(groups=frozenset({"ops"})), ("cloud", codes)),
        (make_login(service="sudo", user="root"), ("provider",)),
        (make_login(service="vpn"), ("cloud",)),
        (make_login(service="vpn", user="bob"), ("provider",)),
    ):
        assert routes.order_for(login) == order


def test_the_default_is_what_login_says(private_folder: Path) -> None:
    """An administrator names an order once, for every service that says nothing and for pushgate unlock."""
    routes = build_routes(settings_of(private_folder, "login: {{providers: [cloud]}}\n", PROVIDER, CLOUD, PAM, OFFLINE))
    assert routes.default == ("cloud",)
    assert routes.order_for(make_login(service="sudo")) == ("cloud",)


def test_no_provider_no_route(private_folder: Path) -> None:
    """An administrator who runs the authority alone has nobody who is asked."""
    routes = build_routes(settings_of(private_folder, "authority: {{folder: {folder}/authority}}\n"))
    assert (routes.default, routes.services) == ((), {})


def test_who_is_asked_is_shown_rules_first(private_folder: Path) -> None:
    """An administrator reads a service's rules in the order in which they count, then everybody else."""
    shown = shown_routes(build_routes(settings_of(private_folder, PROVIDER, CLOUD, OFFLINE, PAM)))
    assert [(each["service"], each["users"], each["groups"], each["order"][0]) for each in shown] == [
        ("sshd", ["root"], ["ops"], "cloud"),
        ("sshd", [], [], "provider"),
        ("sudo", [], [], "provider"),
    ]


@pytest.mark.parametrize(
    ("kinds", "names"),
    [((), ()), (("break_glass", "offline_totp"), ("offline_totp+break_glass",)), (("break_glass",), ("break_glass",))],
)
def test_one_prompt_serves_both_codes(kinds: Sequence[str], names: tuple[str, ...]) -> None:
    """A person may type either sort of code at the same prompt."""
    assert offline_rung({Kind(kind) for kind in kinds}) == names


def test_each_first_provider_must_check_passwords(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator whose rule sends somebody's password to a provider that checks none is told which."""
    rule = "[{{users: [bob], providers: [other, cloud]}}]"
    radius = RADIUS.replace("secret_file", f"providers: [cloud, other], providers_for: {rule}, secret_file")
    radius = radius.replace("first_factor: none", "first_factor: provider")
    parts = (CLOUD, CLOUD.removeprefix("providers:\n").replace("cloud:", "other:"), "login: {{providers: [cloud]}}\n")
    settings = settings_of(private_folder, *parts, radius)
    cloud = settings.providers["cloud"]
    monkeypatch.setattr(building, "checks_passwords", lambda section: section is cloud)
    [fault] = password_faults(settings, build_routes(settings))
    assert fault.message == "radius client 'vpn': first_factor: provider: other checks no passwords"
    monkeypatch.setattr(building, "checks_passwords", lambda section: False)
    assert len([*password_faults(settings, build_routes(settings))]) == 2
