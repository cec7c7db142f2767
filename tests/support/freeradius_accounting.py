"""A private FreeRADIUS that confirms accounting: some appliances let nobody in before somebody has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons import Program, running
from tests.support.freeradius_proxy import BASE, READY, command
from tests.support.gate import write_private
from tests.support.netns import NAS, SERVER, Machine

ACCOUNTING = """\
client nas {{
    ipaddr = {nas}
    secret = {secret}
}}
modules {{
    always ok {{
        rcode = ok
    }}
}}
server accounting {{
    listen {{
        type = acct
        ipaddr = {server}
        port = 1813
    }}
    preacct {{
    }}
    accounting {{
        ok
    }}
}}
"""


@contextmanager
def freeradius_accounting(folder: Path, machine: Machine, secret: str) -> Iterator[Program]:
    """Run it at port 1813 of the server's machine, with an empty folder for its files."""
    text = (BASE + ACCOUNTING).format(folder=folder, nas=NAS, server=SERVER, secret=secret)
    write_private(folder / "radiusd.conf", text.encode())
    with running(machine.command(*command(folder)), folder / "freeradius.log", ready=READY) as program:
        yield program
