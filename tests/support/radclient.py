"""The real radclient of FreeRADIUS as a NAS beside the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons import Program, running
from tests.support.gate import write_private

ORIGIN = "203.0.113.7"


@contextmanager
def radclient(
    folder: Path,
    port: int,
    secret: str,
    user: str,
    *options: str,
    password: str = "push",
    attributes: str = "",
    seconds: int = 25,
) -> Iterator[Program]:
    """Log in, or answer a challenge.

    Args:
        folder: For the secret and the output.
        port: Of the server, on loopback.
        secret: Shared with it.
        user: Who.
        options: Of radclient.
        password: What is typed; radclient leaves an empty one out.
        attributes: Further ones, each with a comma in front.
        seconds: How long it waits for the answer; it sends once.
    """
    write_private(folder / "radclient.secret", secret.encode() + b"\n")
    command = ["radclient", "-x", "-t", str(seconds), "-r", "1", *options, "-S", str(folder / "radclient.secret")]
    request = f'User-Name = "{user}", User-Password = "{password}", Calling-Station-Id = "{ORIGIN}"{attributes}'
    request += ", Message-Authenticator = 0x00\n"
    log = folder / f"radclient-{user}.log"
    with running([*command, f"127.0.0.1:{port}", "auth"], log, typed=request) as program:
        yield program


def received(login: Program, name: str) -> list[str]:
    """Return the values of an attribute in what radclient has received, as radclient writes them."""
    answer = login.output.rpartition("Received Access-")[2]
    return [line.partition(" = ")[2] for line in answer.splitlines() if line.strip().startswith(f"{name} = ")]
