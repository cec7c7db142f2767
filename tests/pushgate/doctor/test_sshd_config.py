"""sshd is asked, and its lines are found."""

from pathlib import Path

import pytest

from pushgate.doctor.machine import Output
from pushgate.doctor.sshd_config import Sshd, ask_sshd, config_lines, version_of
from pushgate.errors import PushgateError
from tests.support.doctor import machine

# What OpenSSH 9.2p1 of Debian 12 prints, without the lines that nothing here reads.
DEFAULTS = """\
port 22
listenaddress [::]:22
usepam yes
logingracetime 120
maxauthtries 6
permitrootlogin without-password
hostbasedauthentication no
pubkeyauthentication yes
gssapiauthentication no
passwordauthentication yes
kbdinteractiveauthentication no
authenticationmethods any
maxstartups 10:30:100
persourcemaxstartups none
"""
VERSION_92 = (
    "unknown option -- V\nOpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025\nusage: sshd [-46DdeiqTt]\n"
)


def values(**changed: str) -> dict[str, list[str]]:
    """What sshd says, with some of it changed."""
    said = dict(line.split(" ", 1) for line in DEFAULTS.splitlines())
    return {key: [value] for key, value in (said | changed).items()}


def test_ways_in_without_a_setting() -> None:
    """Without AuthenticationMethods each method that is switched on is enough."""
    assert Sshd(values()).alternatives == [["publickey"], ["password"]]
    assert Sshd(values(kbdinteractiveauthentication="yes", passwordauthentication="no")).alternatives == [
        *(["publickey"], ["keyboard-interactive"]),
    ]


def test_ways_in_with_a_setting() -> None:
    """Each word of AuthenticationMethods is a way in; a device behind a colon does not matter."""
    methods = "publickey,keyboard-interactive:pam publickey,password"
    assert Sshd(values(authenticationmethods=methods)).alternatives == [
        *(["publickey", "keyboard-interactive"], ["publickey", "password"]),
    ]


def test_asking(tmp_path: Path) -> None:
    """A doctor asks sshd for everybody and for one person, who may have another answer."""
    whole = machine(
        tmp_path,
        says={
            "sshd -T": Output(0, DEFAULTS),
            "sshd -T user=ann": Output(0, DEFAULTS.replace("usepam yes", "usepam no")),
        },
    )
    everybody, ann, bob = ask_sshd(whole), ask_sshd(whole, "ann"), ask_sshd(whole, "bob", "203.0.113.9")
    assert everybody is not None
    assert ann is not None
    assert bob is not None
    assert [sshd.get("usepam") for sshd in (everybody, ann, bob)] == ["yes", "no", "yes"]
    assert everybody.service == "sshd"
    assert Sshd(values(pamservicename="ssh-inner")).service == "ssh-inner"


@pytest.mark.parametrize(("user", "address"), [("ann,user=root", "192.0.2.1"), ("ann", "192.0.2.1,user=root")])
def test_a_name_that_would_ask_something_else(tmp_path: Path, user: str, address: str) -> None:
    """A name or address with a comma is refused, as sshd would read more than one thing."""
    with pytest.raises(PushgateError, match="cannot be asked"):
        ask_sshd(machine(tmp_path, says={"sshd -T": Output(0, DEFAULTS)}), user, address)


def test_no_sshd(tmp_path: Path) -> None:
    """A machine without sshd has nothing to ask."""
    assert ask_sshd(machine(tmp_path)) is None
    assert version_of(machine(tmp_path)) is None


def test_sshd_that_refuses(tmp_path: Path) -> None:
    """What sshd says of a broken configuration reaches the administrator."""
    complaint = "/etc/ssh/sshd_config: line 3: Bad configuration option: Foo"
    with pytest.raises(PushgateError, match="Bad configuration option"):
        ask_sshd(machine(tmp_path, says={"sshd -T": Output(255, "", complaint)}))


@pytest.mark.parametrize(
    ("output", "version"),
    [
        (Output(1, "", VERSION_92), (9, 2)),
        (Output(0, "", "OpenSSH_10.3p1, OpenSSL 3.5.1\n"), (10, 3)),
        (Output(0, "dropbear", ""), None),
    ],
)
def test_version(tmp_path: Path, output: Output, version: tuple[int, int] | None) -> None:
    """The version is read whether sshd knows the option or complains about it."""
    assert version_of(machine(tmp_path, says={"sshd -V": output})) == version


def test_lines(tmp_path: Path) -> None:
    """The line that gives a key its value is the first outside of Match blocks; a block ends with its file."""
    files = {
        "/etc/ssh/sshd_config": "# UsePAM no\nInclude sshd_config.d/*.conf\nUsePAM yes\nMaxStartups=100:30:300\n",
        "/etc/ssh/sshd_config.d/a.conf": "Match User ann\n  UsePAM no\n  AuthenticationMethods publickey\n",
        "/etc/ssh/sshd_config.d/b.conf": "LoginGraceTime 30\n",
    }
    whole = machine(tmp_path, files=files)
    lines = list(config_lines(whole, "/etc/ssh/sshd_config"))
    assert [(line.key, line.conditional) for line in lines] == [
        *(("include", False), ("match", True), ("usepam", True), ("authenticationmethods", True)),
        *(("logingracetime", False), ("usepam", False), ("maxstartups", False)),
    ]
    sshd = Sshd(values(), lines)
    assert sshd.where("usepam") == "/etc/ssh/sshd_config:3"
    assert sshd.where("logingracetime") == "/etc/ssh/sshd_config.d/b.conf:1"
    assert sshd.where("permitrootlogin") == "/etc/ssh/sshd_config"
    ann = Sshd(values(usepam="no"), lines, user="ann")
    assert ann.where("usepam") == "/etc/ssh/sshd_config.d/a.conf:2"


def test_hidden_files_are_not_included(tmp_path: Path) -> None:
    """What an editor leaves with a dot in front is no file of sshd's, unless the line names it so."""
    files = {
        "/etc/ssh/sshd_config": "Include sshd_config.d/*.conf sshd_config.d/.own*\n",
        "/etc/ssh/sshd_config.d/.a.conf": "UsePAM no\n",
        "/etc/ssh/sshd_config.d/.own.conf": "UsePAM yes\n",
    }
    lines = config_lines(machine(tmp_path, files=files), "/etc/ssh/sshd_config")
    assert [line.value for line in lines if line.key == "usepam"] == ["yes"]


def test_an_include_in_a_circle(tmp_path: Path) -> None:
    """A file that includes itself is read for a while, and not for ever."""
    whole = machine(tmp_path, files={"/etc/ssh/sshd_config": "Include sshd_config\nUsePAM yes\n"})
    assert 0 < len(list(config_lines(whole, "/etc/ssh/sshd_config"))) < 100
