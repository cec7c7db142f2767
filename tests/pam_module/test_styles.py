"""How to talk follows from the program, its version and the configuration."""

import dataclasses

import pytest

from pam_module import styles
from pam_module.openssh import OpenSshVersions
from pam_module.options import PromptStyle, ServiceOptions
from pam_module.processes import Process
from pam_module.requests import Host, Identified
from pam_module.styles import Style, style_of
from tests.support.core import make_login

PROCESS = Process(30, 20, 300, "/usr/sbin/sshd", (0, 0, 0))


class Versions(OpenSshVersions):
    """Says what the test says."""

    def __init__(self, *, new: bool) -> None:
        super().__init__()
        self.new = new

    def shows_at_once(self, program: str) -> bool:
        """Answer for the process of the login alone."""
        assert program == "/proc/30/exe"
        return self.new


def chosen(host: Host, prompt: PromptStyle = "auto", *, new: bool = False) -> Style:
    """The style for a program."""
    found = Identified(make_login(), PROCESS, host, ServiceOptions(prompt=prompt), may_know=False)
    return style_of(found, Versions(new=new))


@pytest.mark.parametrize(
    ("host", "style"), [(Host.SUDO, Style.ASIDE), (Host.SU, Style.ASIDE), (Host.OTHER, Style.TEXT)]
)
def test_programs_that_show_text(host: Host, style: Style) -> None:
    """Programs that show text at once get a line and no prompt, unless one is wanted; sudo and su beside the output."""
    assert chosen(host) is style
    assert chosen(host, "prompt") is Style.PROMPT
    assert chosen(host, "silent") is Style.SILENT


def test_sshd(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old sshd shows text in a prompt alone, a new one at once; a wanted style wins."""
    monkeypatch.setattr(styles, "monitor_of", lambda process: dataclasses.replace(process, pid=20))
    assert chosen(Host.SSHD) is Style.PROMPT
    assert chosen(Host.SSHD, new=True) is Style.TEXT
    assert chosen(Host.SSHD, "prompt", new=True) is Style.PROMPT
    assert chosen(Host.SSHD, "silent", new=True) is Style.SILENT


@pytest.mark.parametrize(
    ("options", "style"),
    [
        (ServiceOptions(silent_users=frozenset({"alice"})), Style.SILENT),
        (ServiceOptions(silent_users=frozenset({"bob"})), Style.ASIDE),
        (ServiceOptions(silent_groups=frozenset({"bots"})), Style.SILENT),
        (ServiceOptions(silent_groups=frozenset({"people"})), Style.ASIDE),
    ],
)
def test_people_without_a_terminal(options: ServiceOptions, style: Style) -> None:
    """Logins of the named people and groups are silent, whatever the program could show."""
    login = make_login(groups=frozenset({"bots"}))
    found = Identified(login, PROCESS, Host.SUDO, options, may_know=False)
    assert style_of(found, Versions(new=False)) is style


@pytest.mark.parametrize("prompt", ["auto", "prompt", "silent"])
def test_the_password_method_is_silent(monkeypatch: pytest.MonkeyPatch, prompt: PromptStyle) -> None:
    """Where sshd runs PAM for the method password, a prompt would be answered with the login password."""
    monkeypatch.setattr(styles, "monitor_of", lambda _: None)
    assert chosen(Host.SSHD, prompt, new=True) is Style.SILENT
