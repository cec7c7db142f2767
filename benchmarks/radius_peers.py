"""FreeRADIUS, set up for what pushgate does: a decision at once, or one that a person makes seconds later.

Each server has its own configuration in a folder of its own and a free port of the loopback interface; nothing under
/etc is read.
"""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.figure import WrongAnswerError
from benchmarks.gateway import ROOT, wait_for_radius
from tests.support.ports import free_port

PROGRAM = "freeradius"
Kind = Literal["files", "rest", "python3"]

SERVER = """\
name = bench
prefix = /usr
libdir = /usr/lib/freeradius
localstatedir = {folder}
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/pid
max_request_time = 120
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
log {{
  destination = files
  file = {folder}/log
}}
security {{
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}}
thread pool {{
  start_servers = {threads}
  max_servers = {threads}
  min_spare_servers = {threads}
  max_spare_servers = {threads}
  max_requests_per_server = 0
  max_queue_size = 65536
}}
client bench {{
  ipaddr = 127.0.0.1
  secret = {secret}
}}
modules {{
{module}
}}
server bench {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
{authorize}
  }}
  authenticate {{
{authenticate}
  }}
  post-auth {{
    update reply {{
      Message-Authenticator := 0x00
    }}
    Post-Auth-Type REJECT {{
      update reply {{
        Message-Authenticator := 0x00
      }}
    }}
  }}
}}
"""
MODULES: dict[Kind, str] = {
    "files": "  files {{\n    filename = {folder}/users\n  }}",
    "rest": """\
  rest {{
    connect_uri = "http://127.0.0.1:{backend}"
    authenticate {{
      uri = "http://127.0.0.1:{backend}/%{{User-Name}}"
      method = get
      timeout = 60
    }}
    pool {{
      start = 4
      min = 4
      max = {threads}
      spare = 0
      uses = 0
      lifetime = 0
      idle_timeout = 0
    }}
  }}""",
    "python3": """\
  python3 {{
    python_path = {folder}
    module = waiting
    mod_authenticate = waiting
    func_authenticate = authenticate
  }}""",
}
USERS = "exempt\tAuth-Type := Accept\n"
WAITING = """\
import time

REJECT, OK = 0, 2


def authenticate(attributes):
    time.sleep({seconds})
    user = dict(attributes)["User-Name"].strip('"')
    return REJECT if user.startswith("no") else OK
"""


@dataclass(frozen=True)
class Peer:
    """A running server."""

    port: int
    pid: int
    log: Path


@contextmanager
def freeradius(folder: Path, kind: Kind, secret: str, threads: int = 5, seconds: float = 0) -> Iterator[Peer]:
    """Run FreeRADIUS until the block ends.

    Args:
        folder: An empty one for its files.
        kind: ``files`` accepts the user ``exempt`` at once; ``rest`` and ``python3`` ask somebody who takes time.
        secret: Shared with the clients, which are on the loopback interface.
        threads: Started at once, and never more.
        seconds: That a person takes.

    Raises:
        WrongAnswerError: if it does not start.
    """
    if shutil.which(PROGRAM) is None:
        raise WrongAnswerError(f"{PROGRAM} is missing: make test as root installs it")
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(push_backend(seconds)) if kind == "rest" else 0
        values = {"folder": folder, "threads": threads, "backend": backend}
        ask = "    files" if kind == "files" else f"    update control {{\n      Auth-Type := {kind}\n    }}"
        answer = "" if kind == "files" else f"    Auth-Type {kind} {{\n      {kind}\n    }}"
        port = free_port()
        configuration = SERVER.format(
            secret=secret,
            port=port,
            module=MODULES[kind].format(**values),
            authorize=ask,
            authenticate=answer,
            **values,
        )
        for name, text in (
            ("radiusd.conf", configuration),
            ("users", USERS),
            ("waiting.py", WAITING.format(seconds=seconds)),
        ):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(text)
        command = [PROGRAM, "-f", "-d", str(folder), "-D", "/usr/share/freeradius", "-n", "radiusd"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)  # it waits for its threads, and they for people
        try:
            wait_for_radius(port, secret.encode(), signed=False)
        except WrongAnswerError as error:
            log = folder / "log"
            raise WrongAnswerError(f"{kind}: {error}: {log.read_text()[-1000:] if log.exists() else ''}") from None
        yield Peer(port, process.pid, folder / "log")


@contextmanager
def push_backend(seconds: float) -> Iterator[int]:
    """Run the push service that the REST module asks; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.push_backend", str(port), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise WrongAnswerError("the push service did not start")
        yield port
        # Leaving the block closes its standard input, which ends it.
