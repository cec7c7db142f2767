"""``pushgate unlock``: after one approval, let a person in without asking for a while; show it, end it."""

import json
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pushgate.cli.control import call_daemon, complain_of
from pushgate.cli.options import config_option
from pushgate.clock import SystemClock
from pushgate.durations import parse_duration, show_duration
from pushgate.errors import PushgateError
from pushgate.text import clean

PATIENCE = 10.0
"""Seconds beyond the person's own, for the provider and the daemon."""
TICK = 0.5


def read_duration(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read a length of time in the grammar of the configuration file."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("username", required=False)
@click.option(
    "--for",
    "seconds",
    metavar="TIME",
    callback=read_duration,
    help="How long: 90s, 15m, 1h; no longer than each service allows.",
)
@click.option("--service", "services", multiple=True, help="Only this one; by default all that may be unlocked.")
@click.option("--from", "address", metavar="ADDRESS", help="Only logins from this address; by default from anywhere.")
@click.option("--revoke", is_flag=True, help="Forget what USERNAME has allowed, remembered approvals too.")
@click.option("--list", "show_open", is_flag=True, help="Show what is open, and until when.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def unlock(
    username: str | None,
    seconds: float | None,
    services: tuple[str, ...],
    address: str | None,
    revoke: bool,
    show_open: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Ask USERNAME once, then let that person's logins in without asking for a while.

    Only services with the key `unlock` can be opened. Ctrl-C withdraws the question.
    """
    if bool(username) == show_open or (seconds is not None) == (revoke or show_open):
        raise click.UsageError("say USERNAME --for TIME, or USERNAME --revoke, or --list")
    if (services or address) and seconds is None:
        raise click.UsageError("--service and --from go with --for")
    if show_open:
        answer = call_daemon(config, "GET", "/unlocked")
    elif revoke:
        answer = call_daemon(config, "POST", "/lock", {"user": username})
    else:
        wish = {"user": username, "seconds": seconds, "services": services, "address": address}
        answer = ask_person(config, str(username), wish)
    complain_of(answer)
    if as_json:
        click.echo(json.dumps({key: value for key, value in answer.items() if key != "ok"}, indent=2))
    elif revoke:
        count = answer["forgotten"]
        click.echo(f"forgotten for {clean(str(username), 64)}: {count or 'nothing, for nothing was open'}")
    else:
        print_open(answer["open"])


def ask_person(config: Path, username: str, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Let the daemon ask, and say meanwhile how much time the person has.

    In a thread that ends with the process: so its connection closes at Ctrl-C, and that withdraws the question.

    Raises:
        PushgateError: the daemon cannot be asked, or the administrator has given up.
    """
    from pushgate.settings import load_settings

    patience = load_settings(config).login.timeout
    answers: list[dict[str, Any]] = []
    faults: list[PushgateError] = []

    def call() -> None:
        try:
            answers.append(call_daemon(config, "POST", "/unlock", wish, patience + PATIENCE))
        except PushgateError as error:
            faults.append(error)

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    try:
        wait_for(caller, f"waiting for {clean(username, 64)} to approve", patience)
    except KeyboardInterrupt:
        raise PushgateError("given up, the question is withdrawn", "nothing was opened") from None
    if faults:
        raise faults[0]
    if not answers:
        raise PushgateError("the daemon's answer could not be read", "see its log")
    return answers[0]


def wait_for(caller: threading.Thread, what: str, seconds: float) -> None:
    """Wait for a thread; on a terminal with the seconds that are left, counted down."""
    clock = SystemClock()
    deadline = clock.now() + seconds
    counts = sys.stderr.isatty()
    if not counts:
        click.echo(f"{what}, {seconds:.0f} s left", err=True)
    while caller.is_alive():
        if counts:
            click.echo(f"\r{what}, {max(0.0, deadline - clock.now()):.0f} s left  ", nl=False, err=True)
        caller.join(TICK)
    if counts:
        click.echo(err=True)


def print_open(entries: list[dict[str, Any]]) -> None:
    """Show a line for each thing that is open."""
    if not entries:
        click.echo("nothing is open")
    for entry in entries:
        words = {key: clean(str(value), 128) for key, value in entry.items()}
        who = " as ".join(filter(None, (words["user"], words["account"])))
        until = datetime.fromisoformat(entry["until"]).strftime("%Y-%m-%d %H:%M:%S UTC")
        click.echo(
            f"{who}  {words['service']}  {describe_bond(words)}  until {until}"
            f" ({show_duration(entry['seconds_left'])} left, {words['id']})"
        )


def describe_bond(entry: Mapping[str, str]) -> str:
    """Say for which logins something is open."""
    if entry["bound_to"] == "unlock":
        return f"unlocked from {entry['address'] or 'anywhere'}"
    place = f" {entry['address']}" if entry["address"] else ""
    return f"remembered for the same {entry['bound_to'].replace('+', ' and ')}{place}"
