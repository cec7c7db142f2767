"""What ``pushgate login`` shows: each step with its second, for people or as JSON; text from outside is cleaned."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pushgate.cli.login_terminal import TerminalConversation
from pushgate.clock import Clock
from pushgate.decision import Decision
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.observing import Exchange
from pushgate.outcome import Approved, Denied, Failed, NeedsCode, Outcome, Pending
from pushgate.text import clean

LONGEST = 300


class Steps:
    """Prints steps as they happen."""

    def __init__(self, clock: Clock, *, as_json: bool) -> None:
        self.clock, self.as_json = clock, as_json
        self.began = clock.now()
        self.terminal: TerminalConversation | None = None
        """Whose prompt is to stay in sight."""
        self.last_request: tuple[str, ...] = ()
        self.repeated = 0

    def request(self, exchange: Exchange) -> None:
        """Show what was asked of a server; people see of a row of equal requests the first one and how many there were.

        Never raises, as ``observing.Observer`` demands.
        """
        result = str(exchange.status) if exchange.status is not None else exchange.failure
        shown = (exchange.method, exchange.server + exchange.path, result)
        if shown == self.last_request and not self.as_json:
            self.repeated += 1
            return
        milliseconds = round(exchange.seconds * 1000)
        data = {"server": exchange.server, "method": exchange.method, "path": exchange.path, "ms": milliseconds}
        data |= {"status": exchange.status} if exchange.status is not None else {"failure": exchange.failure}
        text = f"    {exchange.method} {exchange.server}{exchange.path}: {result}, {milliseconds} ms"
        self.step("request", text, data)
        self.last_request = shown

    def call(self, call: str, about: str = "") -> None:
        """Show what the core wants of the provider."""
        self.step("call", f"{call} {about}".rstrip(), {"call": call, **({"about": about} if about else {})})

    def outcome(self, call: str, outcome: Outcome | Checked) -> None:
        """Show what an answer of the provider means."""
        data = facts(outcome)
        self.step("outcome", f"  -> {sentence(data)}", {"call": call, **data})

    def features(self, features: frozenset[str]) -> None:
        """Show what the provider can do for this person."""
        words = sorted(features)
        self.step("features", f"  -> features: {', '.join(words) or 'none'}", {"features": words})

    def told(self, text: str) -> None:
        """Show what the person would read where nothing can be asked."""
        self.step("told", f"  {text}", {"text": text})

    def given_up(self) -> None:
        """Say that a signal ends the login."""
        self.step("given_up", "given up: withdrawing what is open", {})

    def decision(self, decision: Decision, detail: str, hint: str) -> None:
        """Show how the login ended, and what an administrator can do about it."""
        data: dict[str, Any] = {"accept": decision.accept, "reason": decision.reason.value, "message": decision.message}
        more = {"factor": decision.factor, "detail": detail, "hint": hint}
        data |= {key: value for key, value in more.items() if value}
        text = f"{'approved' if decision.accept else 'not approved'}: {decision.reason.value}"
        below = [f"{key}: {value}" for key, value in more.items() if value]
        self.step("decision", text, data, [*below, f'the person reads: "{decision.message}"'])

    def step(self, name: str, text: str, data: Mapping[str, Any], below: Sequence[str] = ()) -> None:
        """Print one step; a reader that has gone is no reason to leave a question open."""
        at = self.clock.now() - self.began
        if self.repeated:
            count, self.repeated = self.repeated, 0
            self.line(f"{at:7.2f}     the same {count} time{'s' if count > 1 else ''} more")
        self.last_request = ()
        if self.as_json:
            shown = {key: clean(value, LONGEST) if isinstance(value, str) else value for key, value in data.items()}
            self.line(json.dumps({"at": round(at, 3), "step": name, **shown}))
        else:
            lines = [f"{at:7.2f} {clean(text, LONGEST)}", *(f"          {clean(line, LONGEST)}" for line in below)]
            self.line("\n".join(lines))

    def line(self, text: str) -> None:
        """Print a line; an open prompt is shown once more below it."""
        terminal = self.terminal
        with suppress(OSError, ValueError):
            if terminal is not None:
                terminal.hide_prompt()
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        if terminal is not None:
            terminal.show_prompt()


def facts(outcome: Outcome | Checked) -> dict[str, Any]:
    """Return what an outcome says, without its handle; only what it does say."""
    found: dict[str, Any]
    match outcome:
        case Approved():
            found = {"device": outcome.device, "factor": outcome.factor, "detail": outcome.detail}
        case Denied():
            found = {"reason": outcome.reason}
        case Pending():
            found = {"number": outcome.number, "detail": outcome.detail}
        case NeedsCode():
            found = {"prompt": outcome.prompt, "resent": outcome.resent, "detail": outcome.detail}
        case Failed():
            found = {"kind": outcome.kind.value, "asked": outcome.asked, "detail": outcome.detail}
            found |= {"status": outcome.status, "trace": outcome.trace, "hint": outcome.hint}
        case PasswordRight():
            found = {"groups": ", ".join(sorted(outcome.groups))}
        case PasswordWrong():
            found = {"detail": outcome.detail}
    kept = {key: value for key, value in found.items() if value not in ("", None) and (key == "asked" or value)}
    return {"outcome": type(outcome).__name__, **kept}


def sentence(data: Mapping[str, Any]) -> str:
    """Write the facts of an outcome for people."""
    words = []
    for key, value in data.items():
        match key, value:
            case ("outcome", name):
                words.append(name)
            case ("asked", True):
                words.append("the person may have been asked")
            case ("asked", False):
                words.append("nobody was asked")
            case ("status", status):
                words.append(f"HTTP {status}")
            case (_, True):
                words.append(key)
            case _:
                words.append(f"{key} {value}")
    return ", ".join(words)
