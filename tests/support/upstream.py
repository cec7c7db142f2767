"""A real FreeRADIUS that knows passwords, for one test: own folder, own port."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pushgate.firstfactor.radius import Upstream
from pushgate.login import Secret
from tests.support.ports import free_port

SECRET = "upstream-secret-of-a-test"

CONFIG = """\
name = upstream
raddbdir = {folder}
run_dir = {folder}
pidfile = {folder}/pid
libdir = /usr/lib/freeradius
logdir = {folder}
max_request_time = 10
log {{
  destination = stdout
  auth = no
}}
security {{
  allow_vulnerable_openssl = yes
  # A reject at once; the delay is not what is tested.
  reject_delay = 0
  status_server = no
}}
client loopback {{
  ipaddr = 127.0.0.1
  secret = {secret}
  require_message_authenticator = yes
}}
modules {{
  pap {{
  }}
  files {{
    usersfile = {folder}/users
  }}
}}
server bare {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {bare_port}
  }}
{sections}
}}
server signing {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
{sections}
  post-auth {{
    update reply {{
      Message-Authenticator := 0x00
    }}
    Post-Auth-Type REJECT {{
      update reply {{
        Message-Authenticator := 0x00
      }}
    }}
    Post-Auth-Type Challenge {{
      update reply {{
        Message-Authenticator := 0x00
      }}
    }}
  }}
}}
"""

SECTIONS = """\
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
"""

USERS = """\
alice Cleartext-Password := "wonderland"
    Class = 0x30783431,
    Class += 0x00ff,
    Filter-Id = "vpn-users",
    Filter-Id += "second",
    Tunnel-Type:1 = VLAN,
    Tunnel-Private-Group-Id:1 = "42",
    Tunnel-Password:1 = "not for others",
    Cisco-AVPair = "ip:addr-pool=one",
    Cisco-AVPair += "shell:priv-lvl=15",
    Reply-Message = "Welcome"

latin Cleartext-Password := "caf\\351"

carol Cleartext-Password := "right", NAS-Identifier == "gateway", Calling-Station-Id == "203.0.113.7"
    Filter-Id = "seen"

dora Cleartext-Password := "right", Response-Packet-Type := Access-Challenge
    Reply-Message = "Next token"

DEFAULT Auth-Type := Reject
    Reply-Message = "No\\033[2Jsuch person"
"""


@dataclass
class FreeRadius:
    """A running server: one port whose replies are signed, and one as the version of Debian 12 is by itself."""

    port: int
    bare_port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    def upstream(self, *, secret: str = SECRET, signed: bool = True, require: bool = True) -> Upstream:
        """Tell where it is, for a client that shares a secret with it."""
        return Upstream("127.0.0.1", self.port if signed else self.bare_port, Secret(secret.encode()), require)


@contextmanager
def freeradius(folder: Path) -> Iterator[FreeRadius]:
    """Run a server that knows the people above."""
    port, bare_port = free_port(), free_port()
    text = CONFIG.format(folder=folder, secret=SECRET, port=port, bare_port=bare_port, sections=SECTIONS)
    (folder / "radiusd.conf").write_text(text)
    (folder / "users").write_text(USERS)
    (folder / "dictionary").write_text("")
    program = shutil.which("freeradius", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program, "freeradius is missing: tests/system/install-debian-packages.sh"
    log = folder / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program, "-f", "-d", folder, "-n", "radiusd", "-D", "/usr/share/freeradius", "-l", "stdout"],
            stdout=output,
            stderr=output,
            env={"PATH": os.defpath},
        )
    try:
        give_up = time.monotonic() + 15
        while "Ready to process requests" not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < give_up, log.read_text(errors="replace")
            time.sleep(0.02)
        yield FreeRadius(port, bare_port, process)
    finally:
        process.kill()
        process.wait(10)
