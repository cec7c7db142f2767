"""What else may answer at the provider's address: nobody, another host, or a server with a certificate."""

import asyncio
import os
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

from pushgate.providers.base import Provider
from tests.simulators.base import Answer, Recorded, Simulator, running
from tests.simulators.faults import reply
from tests.simulators.rig import Rig
from tests.simulators.situations import Server
from tests.simulators.tap import Fault
from tests.support.certificates import CertificationAuthority, Issued
from tests.support.ports import free_port

ADDRESS = "127.0.0.1"


class OtherHost(Simulator):
    """Where a redirect leads: it would say yes to everything."""

    async def serve(self, request: Recorded) -> Answer:
        """Say what every provider says when it approves."""
        return Answer(200, {"state": "approved", "status": "complete", "verified": True})

    def redirect(self) -> Fault:
        """Make the fault that leads here."""
        return reply(307, None, {"Location": f"{self.url}/api/there"})


@cache
def certificates() -> tuple[Path, dict[Server, Issued]]:
    """Make the trusted authority once, and what each server shows."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-contract-"))
    ours = CertificationAuthority(folder / "ours")
    foreign = CertificationAuthority(folder / "foreign")
    return ours.path, {
        Server.GOOD_TLS: ours.issue("good", ADDRESS, server=True),
        Server.OTHER_AUTHORITY: foreign.issue("foreign", ADDRESS, server=True),
        Server.EXPIRED: ours.issue("expired", ADDRESS, server=True, days=-1),
        Server.OTHER_NAME: ours.issue("other", "provider.example", server=True),
    }


def trusting() -> AbstractContextManager[object]:
    """Trust the test's own authority in place of the system's, which also takes longer to read."""
    return patch.dict(os.environ, SSL_CERT_FILE=str(certificates()[0]))


@asynccontextmanager
async def provider_of(rig: Rig, server: Server | None) -> AsyncIterator[Provider]:
    """Build the provider as the situation wants it."""
    if server is None:
        yield rig.provider
        return
    async with address_of(rig, server) as url:
        provider = rig.provider_at(url, "wrong" * 12 + "0123" if server is Server.BAD_KEY else None)
        try:
            yield provider
        finally:
            await provider.close()


@asynccontextmanager
async def address_of(rig: Rig, server: Server) -> AsyncIterator[str]:
    """Open what answers there; return its address."""
    match server:
        case Server.REFUSED:
            yield f"http://{ADDRESS}:{free_port()}"
        case Server.BAD_KEY:
            yield rig.simulator.url
        case Server.CUT:
            async with cutting() as url:
                yield url
        case _:
            plain = rig.simulator.url
            issued = certificates()[1][server]
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(issued.certificate, issued.key)
            async with running(rig.simulator, context) as secured:
                url = secured.url.replace("localhost", ADDRESS)
                secured.url = plain
                yield url


@asynccontextmanager
async def cutting() -> AsyncIterator[str]:
    """Accept connections, and close each at the first octets of its handshake."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(cut, ADDRESS, 0)
    try:
        yield f"https://{ADDRESS}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
