"""The terminal device: the commands that link it, show it and remove it, and those by which it answers."""

import platform
import sys
from pathlib import Path

import click

from pushgate.cli.device_answer import approve, deny, pending, watch
from pushgate.cli.device_options import json_option, key_option
from pushgate.cli.device_output import print_device, print_json
from pushgate.errors import PushgateError
from pushgate.files import check_folders

__all__ = ["approve", "deny", "device", "pending", "watch"]


@click.group()
def device() -> None:
    """Link this terminal as a device that can approve logins."""


@device.command()
@click.argument("code", required=False)
@click.option("--server", default="http://localhost:8080", show_default=True, help="The authority's address.")
@click.option("--label", help="What the authority calls this device.  [default: terminal on HOST]")
@key_option
@json_option
def enroll(code: str | None, server: str, label: str | None, key_file: Path, as_json: bool) -> None:
    """Link this terminal to the person who owns activation code CODE (read from standard input if left out)."""
    from pushgate.cli.device_api import TerminalDevice

    prepare_key_file(key_file)
    linked = TerminalDevice.enroll(server, code or read_code(), (label or f"terminal on {platform.node()}")[:64])
    linked.save(key_file)
    print_device(linked, as_json=as_json)


@device.command()
@key_option
@json_option
def show(key_file: Path, as_json: bool) -> None:
    """Show whom this terminal answers for, and its fingerprint."""
    from pushgate.cli.device_api import TerminalDevice

    print_device(TerminalDevice.load(key_file), as_json=as_json)


@device.command()
@click.option("--forget", is_flag=True, help="Delete the key even if the authority cannot be told.")
@key_option
@json_option
def remove(forget: bool, key_file: Path, as_json: bool) -> None:
    """Unlink this terminal from the authority and delete its key."""
    from pushgate.cli.device_api import NotLinkedError, TerminalDevice

    linked = TerminalDevice.load(key_file)
    told = True
    try:
        linked.unlink()
    except NotLinkedError:
        pass  # unlinked from the other side already: only the key is left to delete
    except PushgateError as error:
        if not forget:
            raise PushgateError(error.message, "try again, or delete only the key: --forget") from None
        told = False
    key_file.unlink(missing_ok=True)
    if as_json:
        print_json({"device_id": linked.device_id, "removed": True, "authority_told": told})
    elif told:
        click.echo("This terminal is no longer linked.")
    else:
        click.echo("The key is deleted. Have an administrator revoke this device: the authority was not told.")


def prepare_key_file(path: Path) -> None:
    """Make sure, before a code is spent, that the key can be kept and will be read again.

    Raises:
        PushgateError: if the file exists, or its folder cannot be written or is not safe.
    """
    if path.is_symlink() or path.exists():
        raise PushgateError(f"{path}: exists: this terminal is linked already", "pushgate device remove")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        check_folders(path.parent)
        probe = path.with_name(f".{path.name}.probe")
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError:
        raise PushgateError(f"{path}: cannot be written", "check the folder, or name another file: --key") from None


def read_code() -> str:
    """Read the activation code from standard input, asking if a person sits there.

    Raises:
        PushgateError: if there is none.
    """
    if sys.stdin.isatty():
        return str(click.prompt("Activation code", hide_input=True))
    code = sys.stdin.readline(256).strip()
    if not code:
        raise PushgateError("no activation code was given", "name it: pushgate device enroll CODE")
    return code
