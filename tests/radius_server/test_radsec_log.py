"""What is counted and logged of connections."""

import ipaddress

import pytest
from structlog.testing import capture_logs

from radius_server.counters import MAX_LINES, STRANGER_LINES
from radius_server.radsec_log import RadsecLog

SOURCE = ipaddress.ip_address("192.0.2.7")


def test_refusals_are_logged_once_a_minute() -> None:
    """A stranger who connects a thousand times causes a thousand counts and one line a minute."""
    log = RadsecLog()
    with capture_logs() as logs:
        for _ in range(1000):
            log.refuse(SOURCE, "no_certificate", "", 5.0)
        log.refuse(SOURCE, "not_tls", "", 5.0)
        log.refuse(SOURCE, "no_certificate", "", 65.0)
    assert [entry["reason"] for entry in logs] == ["no_certificate", "not_tls", "no_certificate"]
    assert all(entry["hint"] for entry in logs)
    assert log.refused == {"no_certificate": 1001, "not_tls": 1}


def test_strangers_do_not_silence_clients() -> None:
    """A flood from a thousand addresses fills its own lines alone."""
    log = RadsecLog()
    with capture_logs() as logs:
        for number in range(MAX_LINES):
            log.refuse(SOURCE + number, "no_certificate", "", 5.0)
        log.close("branch", SOURCE, "packet_incomplete", 5.0)
        log.refuse(SOURCE, "too_many_of_client", "branch", 5.0, certified=True)
    assert len(logs) == STRANGER_LINES + 2
    assert [entry["reason"] for entry in logs[-2:]] == ["packet_incomplete", "too_many_of_client"]


def test_what_a_stranger_says_is_cleaned() -> None:
    """A name in a stranger's certificate cannot write on the administrator's terminal."""
    with capture_logs() as logs:
        RadsecLog().refuse(SOURCE, "unknown_certificate", "dns \x1b[2Jevil" + "x" * 1000, 0.0)
    assert logs[0]["detail"].startswith("dns \\x1b[2Jevil")
    assert len(logs[0]["detail"]) <= 256


@pytest.mark.parametrize(("reason", "level"), [("idle", "info"), ("length_out_of_range", "warning")])
def test_only_faults_are_warnings(reason: str, level: str) -> None:
    """An administrator is warned of connections that break the rules, not of those that have done their work."""
    log = RadsecLog()
    with capture_logs() as logs:
        log.close("branch", SOURCE, reason, 0.0)
    assert (logs[0]["event"], logs[0]["log_level"], logs[0]["reason"]) == ("radsec_closed", level, reason)
    assert log.closed == {reason: 1}


def test_connections_are_told_once_a_minute() -> None:
    """A client that connects again and again is counted each time and told of once a minute."""
    log = RadsecLog()
    with capture_logs() as logs:
        for _ in range(10):
            log.open("branch", SOURCE, "TLSv1.3", 1.0)
    assert [entry["event"] for entry in logs] == ["radsec_connected"]
    assert log.opened == 10
