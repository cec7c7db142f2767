"""The pages of docs/providers: a configuration that they show as a whole is one that ``pushgate check`` accepts.

A block of YAML is a whole configuration if it names a provider and a front end, as a gate needs both.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from click.testing import CliRunner

from pushgate.cli.check import check
from tests.support.certificates import CertificationAuthority
from tests.support.gate import write_private
from tests.support.project import ROOT

PAGES = sorted((ROOT / "docs" / "providers").glob("*.md"))
FRONT_ENDS = {"radius", "pam"}
SECRETS = {"secret_key_file": b"sk_test_" + b"k" * 40, "domain_id_file": b"d" * 40}
"""What stands in a file, by the key that names it; any other holds letters and digits."""


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """Undo what the command says about logging."""
    yield
    structlog.reset_defaults()


def blocks(page: Path) -> list[str]:
    """List a page's blocks of YAML."""
    return re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def wholes(page: Path) -> list[str]:
    """List the whole configurations of a page."""
    return [
        block for block in blocks(page) if {"provider", "providers"} & {*yaml.safe_load(block)} and has_front(block)
    ]


def has_front(block: str) -> bool:
    """Whether a block names a front end."""
    return bool(FRONT_ENDS & {*yaml.safe_load(block)})


def moved(value: Any, folder: Path, key: str = "") -> Any:
    """Move every path of a configuration below a folder, and write what its files and folders have to hold."""
    match value:
        case dict():
            return {name: moved(inner, folder, str(name)) for name, inner in value.items()}
        case list():
            return [moved(inner, folder, key) for inner in value]
        case str() if value.startswith("unix:/"):
            return f"unix:{moved(value.removeprefix('unix:'), folder, 'socket')}"
        case str() if value.startswith("/"):
            path = folder / value.removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if key == "ca_file":
                path.write_bytes(CertificationAuthority(folder / "authority-of-the-test").path.read_bytes())
            elif key.endswith("_file"):
                write_private(path, SECRETS.get(key, b"k" * 64))
            elif key.endswith("folder"):
                path.mkdir(mode=0o700, exist_ok=True)
            return str(path)
        case _:
            return value


def accepted(block: str, folder: Path) -> str:
    """Run ``pushgate check`` on a configuration; return what it says."""
    path = folder / "pushgate.yaml"
    write_private(path, yaml.safe_dump(moved(yaml.safe_load(block), folder), sort_keys=False).encode())
    result = CliRunner().invoke(check, ["--config", str(path)])
    return result.stdout if result.exception is None else f"{result.exception!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_whole_configuration_is_accepted(page: Path, private_folder: Path) -> None:
    """An administrator who copies a whole configuration from a provider's page has one that the gate takes."""
    configurations = wholes(page)
    assert configurations, "a page shows at least one whole configuration"
    for number, block in enumerate(configurations):
        folder = private_folder / str(number)
        folder.mkdir(mode=0o700)
        assert ": ok, runs " in accepted(block, folder), block


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.name)
def test_a_page_says_what_its_provider_is_called(page: Path) -> None:
    """An administrator finds the page of a provider by the word of its configuration."""
    types = {yaml.safe_load(block)["provider"]["type"] for block in blocks(page) if "provider" in yaml.safe_load(block)}
    assert types == {page.stem}


def test_a_wrong_configuration_would_be_found(private_folder: Path) -> None:
    """A page whose example names a key that does not exist fails this test."""
    [block, *_] = wholes(ROOT / "docs" / "providers" / "logintc.md")
    said = accepted(block.replace("api_key_file:", "apikey:"), private_folder)
    assert "provider.api_key_file: required key is missing" in said
