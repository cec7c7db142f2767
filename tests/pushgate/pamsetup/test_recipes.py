"""The tested stacks."""

from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup.recipes import SERVICES, choose, read_recipe
from tests.support.project import ROOT

STACKS = sorted((ROOT / "config" / "pam.d").iterdir())


def test_there_is_a_file_for_each_choice() -> None:
    """Each stack that can be asked for is one of the files, and each file can be asked for."""
    chosen = [choose("sshd"), choose("sshd", factor="password"), choose("su"), choose("sudo")]
    chosen.append(choose("sudo", without_password=True))
    assert [recipe.name for recipe in chosen] == [path.name for path in STACKS]


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_what_is_installed_is_what_the_file_says(path: Path) -> None:
    """The line that goes into a stack stands in its file, is required, and names the packaged module."""
    recipe = read_recipe(path.name)
    line = recipe.module_line(Path("/usr/lib/pushgate/pam_pushgate.so"), ())
    assert line == "auth required /usr/lib/pushgate/pam_pushgate.so"
    assert line in path.read_text().splitlines()
    assert recipe.keeps_password == ("@include common-auth\n" in path.read_text())


def test_sshd_asks_for_what_its_stack_does_not() -> None:
    """Where PAM asks for no password, sshd has to ask for a key."""
    assert choose("sshd").methods == "publickey,keyboard-interactive"
    assert choose("sshd", factor="password").methods == "keyboard-interactive"


def test_module_and_options_can_be_others() -> None:
    """A module elsewhere and a daemon at another socket come into the line."""
    line = choose("su").module_line(Path("/opt/pam_pushgate.so"), ("socket=/run/other.sock",))
    assert line == "auth required /opt/pam_pushgate.so socket=/run/other.sock"


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("common-auth", "cron and display managers"),
        ("login", "the way in that is left"),
        ("cron", "without a person"),
        ("passwd", "changes passwords"),
        ("polkit-1", "not tested"),
        ("../shadow", "not one of the tested stacks"),
    ],
)
def test_other_services_are_refused_with_the_reason(service: str, reason: str) -> None:
    """An administrator who asks for a service that must not wait for a person is told why not."""
    with pytest.raises(PushgateError, match=reason) as caught:
        choose(service)
    assert caught.value.hint == f"choose {', '.join(SERVICES)}"


def test_only_sudo_can_do_without_the_password() -> None:
    """Su without a password would let everybody try to become anybody: refused."""
    with pytest.raises(PushgateError, match="sudo alone"):
        choose("su", without_password=True)


@pytest.mark.parametrize(("name", "service"), [("sudo-i", "sudo"), ("su-l", "su")])
def test_a_login_shell_goes_with_its_service(name: str, service: str) -> None:
    """Who names sudo -i or su - by its own service gets sudo or su, which is both."""
    assert choose(name).service == service
    assert name in choose(name).callers
