"""Many programs that wait for pushgate at the same time, each a process of its own that speaks the module's protocol.

``python -IS benchmarks/pam_waiters.py SOCKET LOGINS`` prints a dot for each request that is sent, and, when all have
their answer, how many were approved.
"""

import os
import socket
import sys

APPROVED = b"R\0\x01\0"


def log_in(path: str) -> bool:
    """Send a request, and wait for the result behind the texts."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        pairs = f"v=1|id={os.urandom(8).hex()}|user=root|service=bench-pushgate|rhost=192.0.2.1|tty=ssh|uid=0"
        payload = f"{pairs}|pid={os.getpid()}|flags=1|".replace("|", "\0").encode()
        connection.sendall(b"A" + len(payload).to_bytes(2, "big") + payload)
        os.write(1, b".")
        received = b""
        while data := connection.recv(4096):
            received += data
    return received.endswith(APPROVED)


def main() -> None:
    """Start one process after the other; each ends with 0 if it was approved."""
    path, logins = sys.argv[1], int(sys.argv[2])
    for _ in range(logins):
        if os.fork() == 0:
            os._exit(0 if log_in(path) else 1)
    approved = sum(os.wait()[1] == 0 for _ in range(logins))
    os.write(1, f"\n{approved}\n".encode())


if __name__ == "__main__":
    main()
