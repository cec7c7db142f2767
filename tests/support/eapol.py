"""The real eapol_test: the 802.1X client of wpa_supplicant, which speaks RADIUS as hostapd does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons import Program, running
from tests.support.gate import write_private


@contextmanager
def eapol_test(
    folder: Path, port: int, secret: str, user: str, *method: str, password: str = "push", keys: bool = False
) -> Iterator[Program]:
    """Log in.

    Args:
        folder: For the configuration and the output.
        port: Of the server, on loopback.
        secret: Shared with it.
        user: Who.
        method: Lines of the network block that choose the EAP method.
        password: What the person types.
        keys: Whether the method makes keys, as Wi-Fi needs them.
    """
    lines = ("key_mgmt=IEEE8021X", "eapol_flags=0", f'identity="{user}"', f'password="{password}"', *method)
    write_private(folder / "eapol.conf", ("network={\n" + "\n".join(lines) + "\n}\n").encode())
    # Line by line, so that a test sees how far it has come.
    command = ["stdbuf", "--output=L", "eapol_test", "-c", str(folder / "eapol.conf")]
    command += ["-a", "127.0.0.1", "-p", str(port), "-s", secret]
    expected = () if keys else ("-n",)
    with running([*command, "-t", "20", *expected], folder / "eapol.log") as program:
        yield program
