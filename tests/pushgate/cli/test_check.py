"""``pushgate check``."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from pushgate.cli.check import check
from pushgate.errors import ConfigurationError
from tests.support.config import AUTHORITY, PROVIDER, RADIUS, named, write_config


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """Undo what the command says about logging."""
    yield
    structlog.reset_defaults()


def faults(path: Path) -> list[str]:
    """The faults that the command finds."""
    with pytest.raises(ConfigurationError) as caught:
        check.main(["--config", str(path)], standalone_mode=False)
    return [problem.message.rpartition("/")[2] for problem in caught.value.problems]


def test_a_good_configuration_is_said_to_be_ok(private_folder: Path) -> None:
    """An administrator with a complete configuration is told which parts it runs."""
    path = write_config(private_folder, PROVIDER, RADIUS)
    result = CliRunner().invoke(check, ["--config", str(path)])
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"{path}: ok, runs radius",
            "who is asked, in this order:",
            "  vpn              everybody                provider",
        ],
    )


def test_every_file_is_tried(private_folder: Path) -> None:
    """An administrator with three unusable files hears of all three at once."""
    path = write_config(private_folder, PROVIDER, RADIUS)
    (private_folder / "radius.secret").unlink()
    (private_folder / "api.key").chmod(0o644)
    (private_folder / "domain.id").write_text("not/an/id")
    assert faults(path) == [
        "radius.secret: cannot be read (no such file or directory)",
        "api.key: readable by others than its owner (mode 0644)",
        "domain.id: holds other characters than letters and digits",
    ]


def test_a_secret_out_of_a_manual_is_refused(private_folder: Path) -> None:
    """A RADIUS secret that everybody knows is a fault."""
    path = write_config(private_folder, PROVIDER, RADIUS, radius_secret="testing123")
    assert faults(path) == ["radius.secret: holds a secret out of a manual"]


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        (None, 0, "ca.pem: cannot be read (no such file or directory)"),
        (b"", 0o644, "ca.pem: holds no certificates in PEM form"),
        (b"\xff\xfe", 0o644, "ca.pem: holds no certificates in PEM form"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            0o644,
            "ca.pem: holds no certificates in PEM form",
        ),
        (b"", 0o666, "ca.pem: writable by others than its owner (mode 0666)"),
    ],
    ids=["missing", "empty", "binary", "broken", "writable"],
)
def test_a_ca_file_is_tried(private_folder: Path, content: bytes | None, mode: int, fault: str) -> None:
    """An administrator whose CA file is unusable hears of it before the first login, as a fault with a hint."""
    if content is not None:
        (private_folder / "ca.pem").write_bytes(content)
        (private_folder / "ca.pem").chmod(mode)
    path = write_config(private_folder, PROVIDER, "  ca_file: {folder}/ca.pem\n", RADIUS)
    assert faults(path) == [fault]


def test_a_socket_that_anybody_could_serve_is_refused(private_folder: Path) -> None:
    """An administrator who puts the authority's socket where everybody may write is told, or anybody could approve."""
    shared = private_folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    path = write_config(private_folder, PROVIDER, RADIUS, url=f"unix:{shared}/authority.sock")
    assert faults(path) == ["shared: writable by others than its owner (mode 1777)"]


def test_the_folder_of_a_socket_may_come_later(private_folder: Path) -> None:
    """An authority that makes its folder at its start may start after the check."""
    path = write_config(private_folder, PROVIDER, RADIUS, url=f"unix:{private_folder}/later/authority.sock")
    assert CliRunner().invoke(check, ["--config", str(path)]).exit_code == 0


def test_files_that_the_authority_will_make_may_be_missing(private_folder: Path) -> None:
    """A first check before the first start does not complain about the authority's own files."""
    own = PROVIDER.replace("{folder}/", "{folder}/authority/")
    path = write_config(private_folder, own, RADIUS, AUTHORITY)
    assert CliRunner().invoke(check, ["--config", str(path)]).exit_code == 0


def test_files_of_another_provider_may_not_be_missing(private_folder: Path) -> None:
    """An administrator who runs an authority and mistypes the key file of a cloud beside it is told so."""
    own = PROVIDER.replace("{folder}/", "{folder}/authority/")
    cloud = named("cloud", PROVIDER.replace("api.key", "none.key"))
    assert faults(write_config(private_folder, own, cloud, RADIUS, AUTHORITY)) == [
        "none.key: cannot be read (no such file or directory)"
    ]


def test_who_is_asked_is_shown(private_folder: Path) -> None:
    """An administrator reads which service asks whom, rules first; a program gets every name."""
    pam = (
        "pam: {{services: {{sudo: , sshd: {{providers: [provider, cloud], "
        "providers_for: [{{users: [root, adm, bin, sys], groups: [ops], providers: [cloud]}}]}}}}}}\n"
    )
    path = write_config(private_folder, PROVIDER, named("cloud", PROVIDER), pam)
    plain, machine = (CliRunner().invoke(check, ["--config", str(path), *more]) for more in ([], ["--json"]))
    assert [line.split() for line in plain.stdout.splitlines()[2:]] == [
        ["sshd", "adm,", "bin,", "root,", "...", "cloud"],
        ["sshd", "everybody", "provider,", "cloud"],
        ["sudo", "everybody", "provider"],
    ]
    assert json.loads(machine.stdout)["routes"][0] == {
        "service": "sshd",
        "users": ["adm", "bin", "root", "sys"],
        "groups": ["ops"],
        "order": ["cloud"],
    }


def test_json_lists_the_problems(private_folder: Path) -> None:
    """A script gets an object with every problem and exit status 1."""
    path = write_config(private_folder, PROVIDER, RADIUS, "x: 1\n")
    result = CliRunner().invoke(check, ["--json", "--config", str(path)])
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert (answer["ok"], len(answer["problems"])) == (False, 1)


def test_warnings_do_not_disturb_a_script(private_folder: Path) -> None:
    """A script that reads JSON gets nothing else on standard output; what is only unwise goes to standard error."""
    path = write_config(private_folder, PROVIDER, RADIUS, radius_secret="abc123")
    result = CliRunner().invoke(check, ["--json", "--config", str(path)])
    assert json.loads(result.stdout) == {
        "file": str(path),
        "ok": True,
        "problems": [],
        "routes": [{"service": "vpn", "users": [], "groups": [], "order": ["provider"]}],
    }
    assert [event in result.stderr for event in ("short_secret", "signers_not_kept")] == [True, True]
