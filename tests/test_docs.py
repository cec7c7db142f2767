"""What README.md and docs/ say is what the tree holds."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import structlog
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pushgate.build_provider import checks_passwords
from pushgate.build_radius import read_clients, warn_about
from pushgate.build_routes import build_routes
from pushgate.build_threatwinds import read_map
from pushgate.decision import Reason
from pushgate.errors import PushgateError
from pushgate.sections.common import Address
from pushgate.sections.firstfactor import LdapFirstFactor, LdapServer, PamFirstFactor, RadiusFirstFactor
from pushgate.sections.provider import ProviderSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.sections.radius_client import ClientBehaviour, RadiusClient
from pushgate.sections.radsec import RadsecSettings
from pushgate.settings import Settings
from radius_server.presets import PRESETS
from radius_server.radsec_connection import BREAKS
from radius_server.radsec_log import ORDINARY
from tests.support.gate import write_private
from tests.support.project import ROOT, committed_files, log_events

APPLIANCES = sorted((ROOT / "config" / "nas").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *APPLIANCES]
README = ROOT / "README.md"
WRITTEN_AS_TEXT = (Address, LdapServer)
PAGE_OF_ITS_OWN = ("first_factor", "radsec")
SAME_AS_ABOVE = "providers"
"""Pages whose examples are tried as whole configurations."""


def keys(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Give path and default of every key; positions in a list and free names are left out of the path.

    First factors and RadSec have pages of their own; named providers have the keys of the single one.
    """
    for name, field in model.model_fields.items():
        # ``for`` is a word of Python, so its field has another name.
        written = field.alias or name
        yield f"{above}{written}", shown_default(field)
        for inner in () if name in (*PAGE_OF_ITS_OWN, SAME_AS_ABOVE) else models_in(field.annotation):
            yield from keys(inner, f"{above}{written}.")


def shown_default(field: FieldInfo) -> str:
    """Write a default as a person would in YAML; a section that is always there has none."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Address):
        return f"[{value.host}]:{value.port}" if ":" in value.host else f"{value.host}:{value.port}"
    if isinstance(value, list) and any(isinstance(each, Address) for each in value):
        return ", ".join(shown_default(FieldInfo(default=each)) for each in value)
    if isinstance(value, BaseModel):
        return ""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the models inside of list[...], dict[...] and unions; some are written as one string."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in WRITTEN_AS_TEXT:
            yield annotation
        return
    for argument in get_args(annotation):
        yield from models_in(argument)


def test_every_setting_is_documented() -> None:
    """An operator finds every key with its default, and no other, in docs/configuration.md."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = re.findall(r"^\| `([a-z_.]+)` \| (.*?) ?\|", page, flags=re.MULTILINE)
    # Providers share keys, such as their url.
    assert sorted(documented) == sorted(set(keys(Settings)))


@pytest.mark.parametrize("model", [PamFirstFactor, LdapFirstFactor, RadiusFirstFactor])
def test_every_setting_of_a_first_factor_is_documented(model: type[BaseModel]) -> None:
    """An operator finds every key of a first factor with its default, and no other, in docs/first-factors.md."""
    [kind] = get_args(model.model_fields["type"].annotation)
    page = (ROOT / "docs" / "first-factors.md").read_text()
    section = page.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([a-z_.]+)` \| (.*?) ?\|", section, flags=re.MULTILINE)
    assert sorted(documented) == sorted(key for key in keys(model) if key[0] != "type")


def test_every_setting_of_radsec_is_documented() -> None:
    """An operator finds every key of RadSec, but for those of every client, in docs/radsec.md; its example is right."""
    page = (ROOT / "docs" / "radsec.md").read_text().partition("\n## Certificates\n")[0]
    documented = re.findall(r"^\| `([a-z_.]+)` \| (.*?) ?\|", page, flags=re.MULTILINE)
    of_every_client = {f"clients.{name}" for name, _ in keys(ClientBehaviour)}
    wanted = [key for key in keys(RadsecSettings) if key[0] not in of_every_client]
    assert sorted(documented) == sorted(wanted)
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert RadiusSettings.model_validate(yaml.safe_load(example)["radius"]).radsec is not None


def test_the_example_of_a_ladder_is_right() -> None:
    """An administrator who copies the example of docs/offline.md gets rungs that can be reached."""
    page = (ROOT / "docs" / "offline.md").read_text()
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    sections = yaml.safe_load(example)
    settings = Settings.model_validate(sections)
    assert build_routes(settings).services["sshd"].order == ("phones", "cloud", "offline_totp+break_glass")


def test_the_example_of_several_providers_is_right() -> None:
    """An administrator who copies the example of docs/configuration.md has the routes that its comments say."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    routes = build_routes(Settings.model_validate(yaml.safe_load(example)))
    assert (routes.default, routes.services["sudo"].order) == (("phones",), ("phones",))
    assert list(routes.services["sshd"].orders()) == [("phones", "cloud"), ("cloud",)]


def test_the_example_of_an_order_is_right() -> None:
    """An administrator who copies the example of docs/providers/README.md has the order that it speaks of."""
    page = (ROOT / "docs" / "providers" / "README.md").read_text()
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert build_routes(Settings.model_validate(yaml.safe_load(example))).default == ("phones", "onelogin")


def test_every_provider_is_in_the_table() -> None:
    """An administrator finds what each type of provider can do, and whether it checks passwords, in one table."""
    page = (ROOT / "docs" / "providers" / "README.md").read_text()
    head, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*$", page, re.MULTILINE)
    ]
    column = head.index("checks the password")
    shown = {name: row[column] == "yes" for row in rows for name in re.findall(r"^\[`([a-z]+)`\]", row[0])}
    [union, _] = get_args(ProviderSettings)
    sections = [section.model_construct() for section in get_args(union)]
    types = {get_args(type(section).model_fields["type"].annotation)[0]: section for section in sections}
    assert shown == {name: checks_passwords(section) for name, section in types.items()}
    assert all((ROOT / "docs" / "providers" / f"{name}.md").is_file() for name in types)


def test_every_end_of_a_connection_is_documented() -> None:
    """An operator finds every reason for the end of a RadSec connection in docs/radsec.md."""
    page = (ROOT / "docs" / "radsec.md").read_text()
    section = page.partition("## What ends a connection")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE))))
    assert documented == BREAKS | ORDINARY | {
        *("connection_lost", "packet_incomplete", "client_does_not_read", "certificate_removed", "authority_removed"),
    }


def test_every_audit_reason_is_documented() -> None:
    """An operator finds every reason that a record can have, and no other, in docs/operations.md."""
    listed = (ROOT / "docs" / "operations.md").read_text().partition("\nReasons: ")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`([a-z_]+)`", listed)) == sorted(Reason)


def test_every_log_event_is_documented() -> None:
    """An operator finds every log event with its level, and no other, in docs/operations.md."""
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.partition("## Log events")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \|", section, flags=re.MULTILINE)
    assert {event: set(levels.split(", ")) for event, levels in documented} == log_events()


def test_the_map_is_current() -> None:
    """The README's map has one line for each top-level folder, and none for one that is not there."""
    section = README.read_text().partition("## The map")[2].partition("\n## ")[0]
    mapped = re.findall(r"^(\S+)/ ", section, flags=re.MULTILINE)
    folders = {name.split("/")[0] for name in committed_files() if "/" in name}
    assert sorted(mapped) == sorted(folders - {".ci", ".github"})


def test_readme_has_its_parts_in_order() -> None:
    """A reader meets what it is, how it looks, how to try it, why, why not, the map and the limits, in this order."""
    headings = re.findall(r"^## (.*)$", README.read_text(), flags=re.MULTILINE)
    assert headings[:6] == ["What it looks like", "Try it", "Why", "Why not", "The map", "Limits"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of this tree leads to one."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    """Every make target and every pushgate command in a shell block exists."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ").removeprefix("# ") for block in blocks for line in block.splitlines()]
    wrong = [line for line in lines if not known(line)]
    assert wrong == []


def known(line: str) -> bool:
    """Say whether a shell line names only targets and commands that exist; other programs are not ours to check."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return True  # a line of a longer quoted text
    words = [word for word in words if "=" not in word and word != "sudo"]
    if words[:2] == ["make", "-C"]:
        return (ROOT / words[2] / "Makefile").is_file()
    if words[:1] == ["make"]:
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
        return set(words[1:]) <= targets
    if words[:1] and words[0].rpartition("/")[2] == "pushgate":
        return known_command(words[1:])
    return True


def known_command(words: list[str]) -> bool:
    """Say whether the words begin with a command of the command line."""
    from pushgate.cli.main import cli

    command: Any = cli
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is None:
            return True
        command = inner.get(word)
        if command is None:
            return False
    return True


def test_every_preset_is_documented() -> None:
    """An administrator finds every preset with the figures that the code has, and no other, in docs/radius.md."""
    page = (ROOT / "docs" / "radius.md").read_text()
    section = page.partition("## Presets")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*?) \|$", section, flags=re.MULTILINE)
    shown = {True: "yes", False: "no", None: "depends"}
    assert documented == [
        (
            preset.name,
            "not known" if preset.window is None else f"{preset.window:g}",
            shown[preset.challenges],
            ", ".join(preset.origin).replace("cisco-source-ip", "Cisco-AVPair") or "none",
        )
        for preset in PRESETS.values()
    ]


def appliance_clients(page: Path) -> list[RadiusClient]:
    """Read the clients that a page shows."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [RadiusClient.model_validate(client) for block in blocks for client in yaml.safe_load(block)]


@pytest.mark.parametrize("page", APPLIANCES, ids=lambda page: page.name)
def test_an_appliances_client_can_be_used(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator who copies a client from an appliance's page gets one that loads and needs no warning."""
    monkeypatch.setenv("SECRET", "a-secret-of-no-appliance-at-all")
    clients = [
        client.model_copy(update={"secret_file": None, "secret_env": "SECRET"}) for client in appliance_clients(page)
    ]
    radius = RadiusSettings.model_validate(
        {"listen": ["127.0.0.1:0"], "first_factor": "none", "state_folder": "/var/lib/pushgate", "clients": clients}
    )
    with structlog.testing.capture_logs() as warnings:
        warn_about(radius)
        ready = read_clients(radius)
    assert warnings == []
    assert {client.name for client in ready} == {client.name for client in clients}
    assert "generic" not in {client.preset.name for client in ready}


def test_each_appliance_has_a_page() -> None:
    """An administrator finds a page with a client of its preset for each family of appliances that people have."""
    presets = {client.preset for page in APPLIANCES for client in appliance_clients(page)}
    assert presets == {
        *("fortigate", "cisco-asa", "paloalto", "pfsense-openvpn", "opnsense-openvpn", "mikrotik", "strongswan"),
        *("ocserv", "openvpn-auth-radius", "openvpn-as", "netscaler", "freeradius", "radsecproxy"),
        *("pam-radius", "wired-8021x"),
    }


def test_the_map_of_addresses_is_right(private_folder: Path) -> None:
    """An administrator who copies the map out of docs/providers/threatwinds.md gets one that is read."""
    page = (ROOT / "docs" / "providers" / "threatwinds.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    [people] = [block for block in blocks if "provider:" not in block]
    write_private(private_folder / "people.yaml", people.encode())
    problems = list[PushgateError]()
    assert set(read_map(private_folder / "people.yaml", problems)) == {"alice", "bob", "EXAMPLE\\carol"}
    assert problems == []
