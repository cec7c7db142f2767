"""A real OpenLDAP server for one test: own folder, own ports, TLS by a CA of the test."""

import base64
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pushgate.firstfactor.ldap_session import Address
from tests.support.certificates import CertificationAuthority
from tests.support.ports import free_port

BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
SEARCHER = f"cn=search,{BASE}"
SEARCHER_PASSWORD = "the search account's"
MODULES = Path("/usr/lib/ldap")

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
database mdb
suffix "{base}"
directory "{data}"
maxsize 10485760
rootdn "cn=admin,{base}"
overlay memberof
# Nobody but the search account reads anything, as in a directory that somebody locked down.
access to attrs=userPassword by anonymous auth
access to * by dn.exact="{searcher}" read
"""

TREE = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: {SEARCHER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: search
userPassword: {SEARCHER_PASSWORD}
"""


def person(uid: str, password: bytes | None, *, mail: str = "", groups: tuple[str, ...] = ()) -> str:
    """Write an entry; its groups are written by hand, because the overlay does not see what is loaded offline."""
    lines = [f"dn: {dn_of(uid)}", "objectClass: inetOrgPerson", f"uid: {uid}", f"cn: {uid}", f"sn: {uid}"]
    lines += [f"mail: {mail}"] if mail else []
    lines += [f"userPassword:: {base64.b64encode(password).decode()}"] if password is not None else []
    lines += [f"memberOf: {group}" for group in groups]
    return "\n".join(lines) + "\n"


def dn_of(uid: str) -> str:
    """Name the entry of a person (RFC 4514 section 2.4)."""
    escaped = re.sub(r'([,+"\\<>;=#])', r"\\\1", uid)
    return f"uid={escaped},{PEOPLE}"


def group(name: str, *members: str) -> str:
    """Write a group."""
    lines = "".join(f"member: {member}\n" for member in members)
    return f"dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n{lines}"


@dataclass
class Slapd:
    """A running server."""

    folder: Path
    port: int
    tls_port: int
    ca: CertificationAuthority
    process: subprocess.Popen[bytes] = field(repr=False)

    def operations(self) -> list[str]:
        """List what clients asked, without the messages' numbers, as slapd's log has it: ``BIND dn="..."``."""
        found = re.findall(r"conn=\d+ op=\d+ ((?:BIND|SRCH|EXT|UNBIND)\b.*)", (self.folder / "log").read_text())
        return [line for line in found if not re.match(r"BIND .* mech=|SRCH attr=", line)]

    def kinds(self) -> list[str]:
        """List the kinds of what clients asked."""
        return [line.split()[0] for line in self.operations()]

    def settle(self) -> None:
        """Wait until each client's goodbye stands in the log."""
        give_up = time.monotonic() + 5
        while (text := (self.folder / "log").read_text()).count("ACCEPT from") != text.count(" closed"):
            assert time.monotonic() < give_up, text
            time.sleep(0.01)

    def forget(self) -> None:
        """Begin the log anew, once it is complete."""
        self.settle()
        with (self.folder / "log").open("r+") as log:
            log.truncate(0)

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(10)

    def address(
        self, *, ldaps: bool = True, ca: CertificationAuthority | None = None, host: str = "127.0.0.1"
    ) -> Address:
        """Tell where it is, for a client that trusts a CA."""
        context = ssl.create_default_context(cafile=(ca or self.ca).path)
        return Address(host, self.tls_port if ldaps else self.port, ldaps, context)

    def plain_address(self) -> Address:
        """Tell where it is, for a client that wants no TLS."""
        return Address("127.0.0.1", self.port, False, None)

    def pause(self, signal: int) -> None:
        """Stop or continue the process, as on a host that hangs."""
        self.process.send_signal(signal)


@contextmanager
def slapd(folder: Path, *entries: str, host: str = "127.0.0.1") -> Iterator[Slapd]:
    """Run a server that holds these people and groups; its certificate is for ``host``."""
    ca = CertificationAuthority(folder)
    issued = ca.issue(host, host, server=True)
    certificate, key = issued.certificate, issued.key
    data = folder / "data"
    data.mkdir()
    config = folder / "slapd.conf"
    config.write_text(CONFIG.format(certificate=certificate, key=key, base=BASE, data=data, searcher=SEARCHER))
    tree = folder / "tree.ldif"
    tree.write_text("\n".join((TREE, *entries)))
    program = shutil.which("slapd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program, "slapd is missing: tests/system/install-debian-packages.sh"
    subprocess.run([program, "-T", "add", "-f", config, "-l", tree], check=True, capture_output=True, timeout=30)
    port, tls_port = free_port(), free_port()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(program, "-f", config, "-d", "stats"),
                *("-h", f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"),
            ],
            stdout=log,
            stderr=log,
        )
    server = Slapd(folder, port, tls_port, ca, process)
    try:
        give_up = time.monotonic() + 10
        while "slapd starting" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < give_up, (folder / "log").read_text()
            time.sleep(0.01)
        yield server
    finally:
        process.kill()
        process.wait(10)
