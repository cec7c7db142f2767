"""An LDAP server for one connection that answers by script: what no real one says at a test's command."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

BIND_REQUEST, BIND_RESPONSE = 0x60, 0x61
SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE = 0x64, 0x65, 0x73

Answer = Sequence[tuple[int, bytes]]
"""Operations that answer one request: tag and content."""


def ber(tag: int, content: bytes) -> bytes:
    """Write one element; lengths beyond 127 octets take two more."""
    length = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def result(tag: int, code: int, text: str = "") -> tuple[int, bytes]:
    """Write a result (RFC 4511 section 4.1.9)."""
    return tag, ber(0x0A, bytes([code])) + ber(4, b"") + ber(4, text.encode())


def bound(code: int = 0, text: str = "") -> Answer:
    """Answer a bind."""
    return [result(BIND_RESPONSE, code, text)]


def found(*names: str, code: int = 0, references: int = 0) -> Answer:
    """Answer a search by entries without attributes, and references to other servers."""
    entries = [(SEARCH_ENTRY, ber(4, name.encode()) + ber(0x30, b"")) for name in names]
    elsewhere = [(SEARCH_REFERENCE, ber(4, b"ldap://elsewhere.example/dc=example"))] * references
    return [*entries, *elsewhere, result(SEARCH_DONE, code)]


def split(request: bytes) -> tuple[bytes, bytes]:
    """Take a request apart: the element with its number, and its operation."""
    start = 2 if request[1] < 128 else 2 + (request[1] & 0x7F)
    end = start + 2 + request[start + 1]
    return request[start:end], request[end:]


@dataclass
class ScriptedLdap:
    """What the server heard."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    def bind_names(self) -> list[str]:
        """Name whom clients bound as."""
        names = []
        for request in self.requests:
            _, operation = split(request)
            if operation[0] == BIND_REQUEST:
                # Tag, length, version; then the name.
                name = operation[2:].partition(b"\x02\x01\x03\x04")[2]
                names.append(name[1 : 1 + name[0]].decode())
        return names


@contextmanager
def scripted_ldap(*answers: Answer) -> Iterator[ScriptedLdap]:
    """Serve one client: each of its requests gets the next answer, then the server hangs up."""

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.settimeout(5)
            for answer in answers:
                request = client.recv(4096)
                server.requests.append(request)
                for tag, content in answer:
                    number, _ = split(request)
                    client.sendall(ber(0x30, number + ber(tag, content)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedLdap(listener.getsockname()[1])
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            thread.join(10)
            assert not thread.is_alive()
