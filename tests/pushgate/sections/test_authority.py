"""The authority section: it stays on this machine."""

from pathlib import Path

from tests.support.settings import faults


def test_an_authority_must_stay_on_this_machine(private_folder: Path) -> None:
    """An approval page without TLS is not served to a network."""
    text = "authority:\n  page: 0.0.0.0:8080\n"
    assert faults(private_folder, text) == [
        "pushgate.yaml:1: authority: page must be a loopback address: TLS is not built in yet"
    ]
