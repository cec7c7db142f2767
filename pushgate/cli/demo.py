"""``pushgate demo``: the main job on this machine alone, with nothing prepared."""

import asyncio
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from typing_extensions import override

from pushgate.errors import PushgateError

if TYPE_CHECKING:
    from pushgate.build import Parts
    from pushgate.cli.authority_api import AuthorityApi
    from pushgate.cli.device_api import TerminalDevice
    from pushgate.clock import Clock
    from pushgate.settings import Settings

USER = "alice"
CALLER = "203.0.113.7"
SECONDS = 60
IGNORED_SECONDS = 5
REPLY_NAMES = {2: "Access-Accept", 3: "Access-Reject", 11: "Access-Challenge"}
EXPECTED = {"approve": "Access-Accept", "deny": "Access-Reject", "ignore": "Access-Reject"}

CONFIG = """\
login:
  timeout: {seconds}
provider:
  type: logintc
  url: unix:{folder}/authority.sock
  api_key_file: {folder}/authority/api.key
  domain_id_file: {folder}/authority/domain.id
authority:
  folder: {folder}/authority
  socket: {folder}/authority.sock
  page: 127.0.0.1:0
  organization: pushgate demo
pam:
  socket: {folder}/pam.sock
  allowed_peer_uids: [{uid}]
  services:
    sshd:
    sudo:
radius:
  listen: ["127.0.0.1:0"]
  first_factor: none
  answer_within: {seconds}
  clients:
    - name: demo-vpn
      address: 127.0.0.0/8
      secret_file: {folder}/radius.secret
audit:
  file: {folder}/audit.jsonl
log:
  level: warning
"""


@click.command()
@click.option("--answer", type=click.Choice(sorted(EXPECTED)), help="Answer by itself, then exit.")
def demo(answer: str | None) -> None:
    """Run everything on loopback in a private temporary folder, and log alice in."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-demo-"))
    try:
        asyncio.run(run_demo(folder, answer))
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("\nstopped")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def run_demo(folder: Path, answer: str | None) -> None:
    """Start the parts, enrol alice, send one login, and either check its end or go on serving.

    Raises:
        PushgateError: if the login did not end as it should.
    """
    from pushgate.build import start_parts
    from pushgate.clock import SystemClock
    from pushgate.daemon import set_up_logging

    settings, secret = write_configuration(folder, IGNORED_SECONDS if answer == "ignore" else SECONDS)
    set_up_logging(settings.log)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        parts = await start_parts(settings, clock, stack)
        assert parts.authority is not None
        click.echo(f"authority, RADIUS and PAM socket are running; everything is in {folder}")
        api = await asyncio.to_thread(connect, settings)
        stack.callback(api.close)
        person = await asyncio.to_thread(api.add_user, USER, "Alice Example")
        code = (await asyncio.to_thread(api.activation_code, person["id"]))["code"]
        click.echo(f"enrolled {USER}: activation code {code}")

        if answer is None:
            await serve_a_person(parts, settings, secret, api, person["id"], code, clock)
        else:
            await answer_alone(parts, settings, secret, code, answer, clock)


async def serve_a_person(
    parts: "Parts", settings: "Settings", secret: bytes, api: "AuthorityApi", user_id: str, code: str, clock: "Clock"
) -> None:
    """Let the person enrol a browser and answer one login there, then go on serving until Ctrl-C."""
    assert parts.authority is not None
    page = parts.authority.page_url
    click.echo(f"\nopen this page on this machine, it will ask you about the login:\n\n    {page}/e#{code}\n")
    print_radclient(parts, secret)
    click.echo("waiting for the browser to enrol (Ctrl-C stops) ...")
    while not (linked := await asyncio.to_thread(api.devices, user_id)):
        await clock.sleep(1)
    click.echo(f"a browser is enrolled, fingerprint {linked[0].get('fingerprint')}")
    click.echo(await log_in(parts, secret, settings.login.timeout, clock))
    click.echo("still serving: send another login by radclient, or end with Ctrl-C")
    await asyncio.Event().wait()


async def answer_alone(
    parts: "Parts", settings: "Settings", secret: bytes, code: str, answer: str, clock: "Clock"
) -> None:
    """Answer one login through a terminal device and check what the NAS receives.

    Raises:
        PushgateError: if that is not what the answer must lead to.
    """
    from pushgate.cli.device_api import TerminalDevice

    assert parts.authority is not None
    device = await asyncio.to_thread(TerminalDevice.enroll, parts.authority.page_url, code, "demo terminal")
    click.echo(f"a terminal device is enrolled, fingerprint {device.fingerprint}")
    answering = asyncio.create_task(answer_first_login(device, answer, clock))
    try:
        received = await log_in(parts, secret, settings.login.timeout, clock)
        await answering
    finally:
        answering.cancel()
    click.echo(received)
    if received != EXPECTED[answer]:
        raise PushgateError(f"the NAS received {received}, which is wrong for {answer!r}", "this is a fault: report it")


def write_configuration(folder: Path, seconds: int) -> tuple["Settings", bytes]:
    """Write a configuration and a fresh shared secret; returns both."""
    import os
    import secrets

    from pushgate.settings import load_settings

    secret = secrets.token_hex(16)
    for name, text in (
        ("radius.secret", secret + "\n"),
        ("pushgate.yaml", CONFIG.format(folder=folder, seconds=seconds, uid=os.geteuid())),
    ):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return load_settings(folder / "pushgate.yaml"), secret.encode()


def connect(settings: "Settings") -> "AuthorityApi":
    """Connect to the authority's integration plane."""
    from pushgate.build_provider import provider_credentials
    from pushgate.cli.authority_api import AuthorityApi
    from pushgate.sections.provider import LoginTcSettings

    assert isinstance(settings.provider, LoginTcSettings)
    key, domain = provider_credentials(settings.provider)
    return AuthorityApi(settings.provider.url, key, domain)


async def answer_first_login(device: "TerminalDevice", answer: str, clock: "Clock") -> None:
    """Answer the first login that the device is asked about; ``ignore`` only looks at it."""
    from pushgate.cli.device_context import rows

    while not (waiting := await asyncio.to_thread(device.pending)):
        await clock.sleep(0.1)
    click.echo("the device shows:")
    for label, value in rows(waiting[0].context):
        click.echo(f"    {label}: {value}")
    if answer != "ignore":
        state = await asyncio.to_thread(device.decide, waiting[0], "approved" if answer == "approve" else "denied")
        click.echo(f"the device answered: {state}")


async def log_in(parts: "Parts", secret: bytes, seconds: float, clock: "Clock") -> str:
    """Be the NAS: send one Access-Request, wait, and return the name of the verified reply.

    Raises:
        PushgateError: if no reply came, or one whose authenticators are wrong.
    """
    from pushgate.errors import BadMessageError
    from radius_server import nas, wire

    assert parts.radius is not None
    click.echo(f"the NAS sends an Access-Request: User-Name={USER} User-Password=push Calling-Station-Id={CALLER}")
    attributes = ((wire.CALLING_STATION_ID, CALLER.encode()), (wire.NAS_PORT, (7).to_bytes(4, "big")))
    request = nas.build_request(USER, "push", secret, 1, attributes)
    replies: asyncio.Queue[bytes] = asyncio.Queue()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Nas(replies), remote_addr=("127.0.0.1", parts.radius.ports[0])
    )
    try:
        transport.sendto(request)
        reply = await wait_with_progress(replies, seconds, clock)
    finally:
        transport.close()
    try:
        code = nas.verify_reply(request, reply, secret)
    except BadMessageError as error:
        raise PushgateError(f"the reply does not verify: {error.reason}", "this is a fault: report it") from None
    shown = b" ".join(value for kind, value in wire.parse(reply).attributes if kind == wire.REPLY_MESSAGE).decode()
    click.echo(f"\nthe NAS received {len(reply)} bytes, both authenticators verified, Reply-Message: {shown}")
    return REPLY_NAMES.get(code, f"code {code}")


class Nas(asyncio.DatagramProtocol):
    """Hand each datagram to a queue."""

    def __init__(self, replies: asyncio.Queue[bytes]) -> None:
        self.replies = replies

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.replies.put_nowait(data)


async def wait_with_progress(replies: asyncio.Queue[bytes], seconds: float, clock: "Clock") -> bytes:
    """Wait for a reply, saying how many seconds are left: each second on a terminal, else every ten."""
    deadline = clock.now() + seconds + 5
    while clock.now() < deadline:
        left = max(0, round(deadline - 5 - clock.now()))
        if sys.stdout.isatty():
            click.echo(f"\rwaiting for the person, {left} s left ", nl=False)
        elif left % 10 == 0 or left == seconds:
            click.echo(f"waiting for the person, {left} s left")
        try:
            async with clock.timeout_at(clock.now() + 1):
                return await replies.get()
        except TimeoutError:
            continue
    raise PushgateError("the NAS received no reply", "this is a fault: report it")


def print_radclient(parts: "Parts", secret: bytes) -> None:
    """Say how to send a login by hand."""
    assert parts.radius is not None
    click.echo(
        "and this is how to send a login by hand (apt install freeradius-utils):\n\n"
        f"    echo 'User-Name={USER},User-Password=push,Calling-Station-Id={CALLER},Message-Authenticator=0x00' |"
        f" radclient -t 65 -r 1 127.0.0.1:{parts.radius.ports[0]} auth {secret.decode()}\n"
    )
