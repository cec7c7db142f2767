"""The manual pages say what the programs are."""

import os
import re
import subprocess
from typing import Any

import pytest

from pam_module.codes import PamCode
from pushgate import __version__
from pushgate.cli.main import cli
from tests.support.project import ROOT, committed_files

MAN = ROOT / "packaging" / "man"
PAGES = sorted(MAN.glob("*.8"))


def text_of(name: str) -> str:
    """Return a page's text without the fonts and escapes of roff."""
    return re.sub(r"\\f[A-Z]", "", (MAN / name).read_text()).replace("\\-", "-")


def section(name: str, heading: str) -> str:
    """Return one section of a page."""
    return text_of(name).partition(f"\n.SH {heading}\n")[2].partition("\n.SH ")[0]


def tags(text: str) -> list[str]:
    """List what the paragraphs of a list begin with."""
    found = re.findall(r"^\.TP\n\.[BI]+ \"?(.*)$", text, flags=re.MULTILINE)
    return [tag.replace('"', "").strip() for tag in found]


def verbs(command: Any, before: str = "pushgate") -> list[str]:
    """List the commands that do something."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [before]
    return [verb for name, command in inner.items() for verb in verbs(command, f"{before} {name}")]


def documented(tag: str) -> str:
    """Take the words of a command out of a paragraph's beginning, without its arguments."""
    return " ".join(word for word in tag.split() if word.islower())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("program", [("groff", "-man", "-ww", "-z", "-Tutf8"), ("man", "--warnings=w", "-l")])
def test_a_page_is_clean(page: Any, program: tuple[str, ...]) -> None:
    """The programs that show a page have nothing to say against it."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    shown = subprocess.run([*program, page], capture_output=True, text=True, timeout=30, env=environment, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_this_version(page: Any) -> None:
    """A page's first line names itself and the version that it describes."""
    assert re.match(rf'\.TH {page.stem.upper()} 8 \d{{4}}-\d\d-\d\d "pushgate {__version__}"', page.read_text())


def test_each_command_is_documented() -> None:
    """A person finds every command in pushgate(8), and no other."""
    paragraphs = [documented(tag) for tag in tags(text_of("pushgate.8")) if tag.startswith("pushgate ")]
    assert sorted(paragraphs) == sorted(verbs(cli))


def test_each_option_of_the_module_is_documented() -> None:
    """An administrator finds the options that the module's source has in pam_pushgate(8), and no other."""
    sources = [name for name in committed_files() if name.startswith("pam_module/") and name.endswith(".c")]
    calls = r"strn?cmp\(option, \"([a-z_]+)"
    known = {option for name in sources for option in re.findall(calls, (ROOT / name).read_text())}
    options = [tag.partition("=")[0] for tag in tags(section("pam_pushgate.8", "OPTIONS"))]
    assert sorted(options) == sorted(known)


def test_each_code_of_the_module_is_documented() -> None:
    """An administrator finds every code that the daemon may answer among the return values."""
    told = {tag for line in tags(section("pam_pushgate.8", "RETURN VALUES")) for tag in re.findall(r"PAM_\w+", line)}
    assert {f"PAM_{code.name}" for code in PamCode} < told


def test_the_stacks_are_those_that_are_shipped() -> None:
    """The lines of the page are those of config/pam.d, which are tried."""
    shown = text_of("pam_pushgate.8")
    for recipe in (ROOT / "config" / "pam.d").iterdir():
        for line in recipe.read_text().splitlines():
            assert line.startswith("#") or f"\n{line}\n" in shown, f"{recipe.name}: {line}"
