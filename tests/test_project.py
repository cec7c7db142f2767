"""Rules that hold for the tree as a whole."""

import ast
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from tests.support.project import PACKAGES, ROOT, committed_files, modules, parsed, python_files

# Tests that cover no single module of ours.
OWN_SUBJECT = {
    f"tests/test_{what}.py"
    for what in ("project", "packaging", "docs", "provider_docs", "man", "conftest", "benchmarks")
}
APART = ("tests/fuzz/", "tests/system/", "tests/scenarios/", "tests/support/", "tests/simulators/", "tests/benchmarks/")

# Spelt in halves, so that this file does not break its own rule.
FORBIDDEN = {
    "a path of somebody's machine": ("/" + "work/", "/" + "root/"),
    "the address of a package registry": (
        "pypi" + ".org",
        "files.python" + "hosted",
        "registry." + "npmjs",
        "deb." + "debian.org",
        "index" + "-url",
    ),
    "an unfinished thought": ("TO" + "DO", "FIX" + "ME", "XX" + "X:"),
}
BINARY = {".png", ".ico", ".gz", ".bin"}
LICENCE_TEXT = "LICENSE"


def mirroring_tests() -> list[str]:
    """List the test files, apart from those that cover no single module."""
    return [
        name
        for name in python_files("tests")
        if PurePosixPath(name).name.startswith("test_") and name not in OWN_SUBJECT and not name.startswith(APART)
    ]


def module_of(test: str) -> str:
    """Name the module that a test file mirrors: tests/pushgate/test_clock.py -> pushgate/clock.py."""
    path = PurePosixPath(test).relative_to("tests")
    return str(path.with_name(path.name.removeprefix("test_")))


def test_each_test_file_names_a_module() -> None:
    """A reader finds the module of a test file by its name."""
    assert [test for test in mirroring_tests() if not (ROOT / module_of(test)).is_file()] == []


def test_each_module_has_a_test_file() -> None:
    """A reader finds the tests of a module by its name."""
    tested = {module_of(test) for test in mirroring_tests()}
    expected = {
        name
        for name in python_files(*PACKAGES)
        if not name.endswith("__init__.py") and any(is_code(node) for node in parsed(name).body)
    }
    assert sorted(expected - tested) == []


def is_code(node: ast.stmt) -> bool:
    """Tell what can be wrong from imports, constants, fields, and the methods of a protocol, which only have words."""
    if isinstance(node, ast.ClassDef):
        return any(is_code(inner) for inner in node.body)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (
        len(node.body) == 1 and ast.get_docstring(node)
    )


def test_each_test_says_what_it_shows() -> None:
    """A failing test can be read without its code: each has one sentence."""
    silent = []
    for name in python_files("tests"):
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                sentence = (ast.get_docstring(node) or "").split("\n\n")[0]
                if not sentence.endswith("."):
                    silent.append(f"{name}:{node.lineno} {node.name}")
    assert silent == []


def test_plain_folders_are_no_packages() -> None:
    """No folder beside our four packages can be imported in place of an installed library."""
    packages = [name for name in committed_files() if name.endswith("__init__.py")]
    assert [name for name in packages if name.split("/")[0] not in PACKAGES] == []


@pytest.mark.parametrize("kind", sorted(FORBIDDEN))
def test_no_committed_file_holds(kind: str) -> None:
    """A person who clones this meets no path of another machine, no registry and nothing unfinished."""
    found = []
    for name in committed_files():
        if PurePosixPath(name).suffix in BINARY or name == LICENCE_TEXT:
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            found += [f"{name}:{number}: {word}" for word in FORBIDDEN[kind] if word in line]
    assert found == []


def test_type_ignores_are_few_and_say_why() -> None:
    """The type checker is silenced at a handful of places, each naming the rule."""
    comments = [
        f"{name}:{number}"
        for name in python_files(*PACKAGES)
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if "# type: ignore" in line
    ]
    assert len(comments) <= 5, comments


def test_importing_has_no_effects(tmp_path: Path) -> None:
    """Every module can be imported without opening a file for writing, a socket or a process, and says nothing."""
    # urllib3, which requests loads, binds a socket to find out about IPv6; what libraries do is not our rule.
    program = f"""
import sys
import requests

def refuse(event, arguments):
    forbidden = event in ("socket.bind", "socket.connect", "subprocess.Popen", "os.fork", "os.mkdir", "os.remove")
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
    if forbidden or writes:
        print(event, arguments, file=sys.stderr)
        raise SystemExit(1)

sys.addaudithook(refuse)
import importlib
for name in {modules()!r}:
    if not name.endswith("__main__"):
        importlib.import_module(name)
"""
    result = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_changelog_has_a_place_for_the_next_release() -> None:
    """A change that people notice has its place: the changelog begins with what is not released yet."""
    headings = re.findall(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == "## [Unreleased]"
