"""``pushgate reload`` and ``pushgate status``: speak to the running daemon."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushgate.cli.options import config_option
from pushgate.errors import ConfigurationError, PushgateError

if TYPE_CHECKING:
    import requests

SECONDS = 30.0


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def reload(config: Path, as_json: bool) -> None:
    """Let the daemon take the changed configuration over; logins that are pending go on."""
    answer = call_daemon(config, "POST", "/reload")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        raise SystemExit(0 if answer["ok"] else 1)
    complain_of(answer)
    click.echo("reloaded")
    for key in answer["needs_restart"]:
        click.echo(f"changed, but holds only after a restart: {key}")


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def status(config: Path, as_json: bool) -> None:
    """Show what runs, what is pending, and what was counted since the start."""
    answer = call_daemon(config, "GET", "/status")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for section, values in answer.items():
        click.echo(f"{section}:")
        for name, value in values.items():
            # The names of providers are the administrator's own.
            shown = name if section == "providers" else name.replace("_", " ")
            click.echo(f"  {shown:<28} {show(value)}")


def complain_of(answer: Mapping[str, Any]) -> None:
    """Do nothing if the daemon did what it was asked.

    Raises:
        ConfigurationError: it did not; with every fault that it named.
    """
    if not answer["ok"]:
        raise ConfigurationError([PushgateError(fault["message"], fault["hint"]) for fault in answer["problems"]])


def show(value: Any) -> str:
    """Write a value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in sorted(value.items())) or "none"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)


def call_daemon(
    config: Path, method: str, path: str, body: Mapping[str, Any] | None = None, seconds: float = SECONDS
) -> dict[str, Any]:
    """Send one request to the daemon's control socket.

    Args:
        config: The configuration, which names the socket.
        method: The HTTP method.
        path: The path of the call.
        body: Sent as JSON, if it is there.
        seconds: How long the daemon may take.

    Raises:
        PushgateError: the configuration names no such socket, or nobody answers there.
    """
    import requests

    from pushgate.cli.unixhttp import UnixAdapter
    from pushgate.settings import load_settings

    settings = load_settings(config)
    if settings.control is None:
        hint = "add a section control, or reload with: systemctl reload pushgate"
        raise PushgateError(f"{config}: names no control socket", hint)
    socket = settings.control.socket
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", UnixAdapter(str(socket)))
        try:
            url = f"http://localhost{path}"
            reply = session.request(method, url, json=body, timeout=seconds, allow_redirects=False)
        except requests.RequestException as error:
            hint = "is pushgate serve running, and are you root or its user?"
            raise PushgateError(f"{socket}: nobody answers ({type(error).__name__})", hint) from None
        return read_answer(reply)


def read_answer(reply: "requests.Response") -> dict[str, Any]:
    """Read the daemon's JSON.

    Raises:
        PushgateError: it is none.
    """
    try:
        answer = reply.json()
    except ValueError:
        answer = None
    if reply.status_code not in (200, 409) or not isinstance(answer, dict):
        raise PushgateError(f"the daemon answered HTTP {reply.status_code}", "see its log")
    return answer
