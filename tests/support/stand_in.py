"""A daemon that misbehaves on order: a program of its own, run by the tests of the PAM module.

Usage: stand_in.py SOCKET UID QUEUE END [HEX ...]

Becomes UID, listens, prints "ready". Reads the request of each connection, sends the pieces with a pause between
them, and then closes, hangs or exits (END). With END "record" it waits after each piece for what the module sends
back, and prints that; with "record-request" it prints the
request and closes. QUEUE 0 never accepts and keeps its queue full.
"""

import os
import socket
import sys
import time

PAUSE = 0.02


def main() -> None:
    """Listen and misbehave."""
    path, uid, queue, end, *pieces = sys.argv[1:]
    if os.geteuid() != int(uid):
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(int(queue))
        held = fill_queue(path) if queue == "0" else []
        print("ready", flush=True)
        if held:
            time.sleep(60)
        while True:
            connection, _ = listening.accept()
            held.append(connection)
            serve(connection, end, [bytes.fromhex(piece) for piece in pieces])


def fill_queue(path: str) -> list[socket.socket]:
    """Connect until the queue takes no more."""
    waiting = []
    while True:
        client = socket.socket(socket.AF_UNIX)
        waiting.append(client)
        client.setblocking(False)
        if client.connect_ex(path) != 0:
            return waiting


def serve(connection: socket.socket, end: str, pieces: list[bytes]) -> None:
    """Answer one request as ordered."""
    if end != "close-at-once":
        request = connection.recv(9000)
    if end == "record-request":
        print(request.hex(), flush=True)
    try:
        for piece in pieces:
            connection.sendall(piece)
            if end == "record":
                print(connection.recv(9000).hex(), flush=True)
            else:
                time.sleep(PAUSE)
    except OSError:
        pass  # the module has hung up on us, as it should
    if end.startswith("close") or end == "record-request":
        connection.close()
    elif end == "exit":
        os._exit(0)


if __name__ == "__main__":
    main()
