"""The files of this project, as git knows them."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("pushgate", "radius_server", "pam_module", "push_authority")


@cache
def committed_files() -> tuple[str, ...]:
    """List the files that are in git, or will be with the next commit, by path from the project's folder."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return tuple(sorted(name for name in listed if name and (ROOT / name).is_file()))


def python_files(*folders: str) -> list[str]:
    """List the Python files in these folders."""
    return [name for name in committed_files() if name.endswith(".py") and name.split("/")[0] in folders]


def modules() -> list[str]:
    """List the modules of our packages by their dotted names."""
    names = [name.removesuffix(".py").replace("/", ".") for name in python_files(*PACKAGES)]
    return [name.removesuffix(".__init__") for name in names]


@cache
def parsed(name: str) -> ast.Module:
    """Parse a Python file."""
    return ast.parse((ROOT / name).read_text(), filename=name)


def log_events() -> dict[str, set[str]]:
    """Find every log event in our packages: its name, and the levels at which it is logged."""
    events: dict[str, set[str]] = {}
    for name in python_files(*PACKAGES):
        for node in ast.walk(parsed(name)):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log" | "logger") | ast.Attribute(attr="log"), attr=level),
                    args=[ast.Constant(value=str(event)), *_],
                ) if level in ("debug", "info", "warning", "error", "exception", "critical"):
                    events.setdefault(event, set()).add("error" if level == "exception" else level)
    return events
