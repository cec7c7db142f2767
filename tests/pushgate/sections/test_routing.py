"""Who is asked at a service: names, rules, and what is wrong with them."""

from pathlib import Path

import pytest

from pushgate.sections.pam import PamService
from pushgate.sections.routing import default_order
from pushgate.settings import load_settings
from tests.support.settings import GOOD, faults, load

SECTION = "{type: logintc, url: https://cloud.logintc.com, api_key_file: /a.key, domain_id: d}"
NAMED = f"providers:\n  phones: {SECTION}\n  cloud: {SECTION}\n" + GOOD[GOOD.index("radius:") :]
ORDER = "login: {providers: [phones]}\n"


def at_sudo(keys: str) -> str:
    """Return a configuration whose ``sudo``, on line 13, has these keys; ``vpn`` is on line 9."""
    return ORDER + NAMED.replace("if_unreachable: accept", keys)


def at_vpn(keys: str, first_factor: str = "none") -> str:
    """Return a configuration whose client ``vpn`` has these keys."""
    text = (ORDER + NAMED).replace("first_factor: none", f"first_factor: {first_factor}")
    return text.replace("secret_file: /etc", f"{keys}, secret_file: /etc")


@pytest.mark.parametrize(
    ("named", "providers", "order"),
    [
        ([], ["phones"], ("phones",)),
        ([], ["provider"], ("provider",)),
        ([], ["provider", "cloud"], ("provider",)),
        ([], ["phones", "cloud"], ()),
        ([], [], ()),
        (["cloud", "phones"], ["provider", "phones", "cloud"], ("cloud", "phones")),
    ],
)
def test_the_default_order(named: list[str], providers: list[str], order: tuple[str, ...]) -> None:
    """A service that says nothing asks whom login.providers names, or the only provider, or the short form."""
    assert default_order(named, providers) == order


def test_several_names_need_an_order(private_folder: Path) -> None:
    """An administrator with several named providers is asked for their order, and told how to write it."""
    [fault] = faults(private_folder, NAMED)
    assert (
        fault == "pushgate.yaml:1: (top level): login.providers is missing: several providers have a name of their own"
    )
    assert load(private_folder, ORDER + NAMED).default_order == ("phones",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (ORDER.replace("phones", "phone") + NAMED, "1: login.providers.0"),
        (at_sudo("providers: [cloud, phone]"), "13: pam.services.sudo.providers.1"),
        (
            at_sudo("providers_for: [{users: [root], providers: [phone]}]"),
            "13: pam.services.sudo.providers_for.0.providers.0",
        ),
        (at_vpn("providers: [phone]"), "9: radius.clients.0.providers.0"),
    ],
)
def test_a_name_that_no_provider_has_is_refused(private_folder: Path, text: str, place: str) -> None:
    """An administrator who mistypes a provider is shown the line and the names that there are."""
    [fault] = faults(private_folder, text)
    assert fault == f"pushgate.yaml:{place}: no provider is called phone"
    with pytest.raises(Exception, match="no provider") as caught:
        load_settings(private_folder / "pushgate.yaml")
    assert getattr(caught.value, "hint", "") == "the providers are phones, cloud"


@pytest.mark.parametrize("name", ["provider", "offline_totp", "break_glass", "push", "two words", ""])
def test_some_names_are_taken(private_folder: Path, name: str) -> None:
    """A provider whose name would mean something else where providers are named is refused."""
    found = faults(private_folder, (ORDER + NAMED).replace("  cloud:", f'  "{name}":'))
    assert any("pushgate.yaml:4: providers" in fault for fault in found)


def test_not_more_than_sixteen(private_folder: Path) -> None:
    """A seventeenth provider is refused."""
    many = "".join(f"  p{index}: {SECTION}\n" for index in range(15))
    ready = NAMED.replace("radius:", many + "radius:", 1)
    assert faults(private_folder, ORDER + ready)[0].startswith("pushgate.yaml:2: providers: ")
    sixteen = ready.replace(f"  p14: {SECTION}\n", "")
    assert len(load(private_folder, ORDER + sixteen).all_providers) == 16


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("providers: [cloud, cloud]", "names the same twice: cloud"),
        ("fallback: [break_glass, break_glass]", "names the same twice"),
        ("fallback: [cloud]", "should be 'offline_totp' or 'break_glass'"),
        ("providers_for: [{users: [root], providers: []}]", "at least 1 item"),
        ("providers_for: [{providers: [cloud]}]", "needs users, groups or both"),
        ("providers_for: [{users: [root]}]", "required key is missing"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(private_folder: Path, keys: str, problem: str) -> None:
    """An administrator who names something twice, or makes a rule for nobody or with nobody, is shown the service."""
    for text, place in ((at_sudo(keys), "pam.services.sudo"), (at_vpn(keys), "radius.clients.0")):
        assert any(place in fault and problem in fault for fault in faults(private_folder, text))


@pytest.mark.parametrize(
    "first_factor", ["none", "provider", "{type: pam}", "{type: radius, servers: [{host: h, secret_file: /s}]}"]
)
def test_groups_that_nobody_finds_are_refused(private_folder: Path, first_factor: str) -> None:
    """An administrator whose rule speaks of groups that are not known before somebody is asked is told so."""
    rule = "providers_for: [{groups: [admins], providers: [cloud]}]"
    [fault] = faults(private_folder, at_vpn(rule, first_factor))
    assert "pushgate.yaml:9: radius.clients.0.providers_for.0.groups" in fault
    assert "finds no groups" in fault


def test_groups_that_a_directory_finds_may_decide(private_folder: Path) -> None:
    """An administrator whose directory checks passwords may route by its groups, and at PAM by those of the machine."""
    ldap = (
        "{type: ldap, servers: ['ldaps://h'], bind_dn: cn=a, bind_password_file: /p, base_dn: dc=a, user_filter: '%s'}"
    )
    rule = "providers_for: [{groups: [admins], providers: [cloud]}]"
    load(private_folder, at_vpn(rule, ldap % "(uid={user})"))
    settings = load(private_folder, at_sudo(rule))
    assert settings.pam is not None
    assert settings.pam.services["sudo"].routes_by_groups
    assert not settings.pam.services["sshd"].routes_by_groups


def test_codes_need_a_file(private_folder: Path) -> None:
    """An administrator whose RADIUS client names codes that are kept nowhere is shown the client."""
    [fault] = faults(private_folder, at_vpn("fallback: [offline_totp]"))
    assert fault.endswith("radius.clients.0.fallback.0: names offline_totp, and there is no section offline")


def test_a_service_that_asks_for_codes_never_fails_open() -> None:
    """A service that is to accept in an outage does so only where no code is asked for."""
    opening = {"if_unreachable": "accept", "providers": ["phones", "cloud"]}
    assert PamService.model_validate(opening).fails_open
    assert not PamService.model_validate(opening | {"fallback": ["break_glass"]}).fails_open
    assert not PamService.model_validate({}).fails_open
