"""One password put to one directory server, by ldap3, in a thread: search, bind as the entry, read the groups.

An unknown user costs what a known one costs: where the search finds no entry, the password goes to the server all the
same, for an entry that cannot exist.
"""

import math
import re
import secrets
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.ldap_library import (
    DEREF_NEVER,
    NONE,
    SUBTREE,
    SYNC,
    LDAPExceptionError,
    OwnConnection,
    OwnTls,
    Server,
    escape_filter_chars,
    parse_dn,
    parse_filter,
)
from pushgate.login import Secret
from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean

MAX_GROUPS = 500
"""Groups of one person that are read, what OpenLDAP gives by default; more are an error, because a rule could hang on
one that was left out."""

# RFC 4511 appendix A.
SUCCESS, SIZE_LIMIT_EXCEEDED = 0, 4
OVERLOADED = {3, 11, 51, 52}  # timeLimitExceeded, adminLimitExceeded, busy, unavailable
REFUSES_EVERYBODY = {8, 10, 13}  # strongerAuthRequired, referral, confidentialityRequired

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Directory:
    """What the configuration says about the people in a directory."""

    bind_dn: str
    bind_password: Secret
    base_dn: str
    user_filter: str
    group_attribute: str | None = None
    group_filter: str | None = None
    group_base_dn: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server of the directory is; ``tls`` is None only for a loopback server without TLS."""

    host: str
    port: int
    ldaps: bool
    tls: ssl.SSLContext | None = field(repr=False)

    @property
    def name(self) -> str:
        """The server in a log."""
        return f"{self.host}:{self.port}"


class StoppedError(Exception):
    """The server answered, and the answer ends the check."""

    def __init__(self, outcome: Failed) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class LdapSession:
    """A check of one password at one server; ``run`` is called once, in a thread."""

    def __init__(self, address: Address, directory: Directory, user: str, password: Secret, seconds: float) -> None:
        self.address, self.directory, self.user, self.password = address, directory, user, password
        self.started = self.aborted = False
        self.final = False
        """No other server is to be asked: a wrong password would count twice towards a lock-out there."""
        self.tls = OwnTls(address.tls, address.host) if address.tls else None
        server = Server(
            address.host,
            address.port,
            use_ssl=address.ldaps,
            tls=self.tls,
            get_info=NONE,
            connect_timeout=seconds,
        )
        self.connection = OwnConnection(
            server,
            client_strategy=SYNC,
            auto_referrals=False,
            check_names=False,
            auto_escape=False,
            # ldap3 packs it as an integer; to the second is enough, because abort() keeps the deadline.
            receive_timeout=math.ceil(seconds),
        )

    def run(self) -> Checked:
        """Check the password."""
        return self.guarded(self.check)

    def guarded(self, dialogue: Callable[[], T]) -> T | Failed:
        """Hold a dialogue to its end; whatever goes wrong is a failure, and the connection is closed."""
        self.started = True
        try:
            return dialogue()
        except StoppedError as stopped:
            self.final = self.final or stopped.outcome.kind is FailureKind.CONFIG
            return stopped.outcome
        except (LDAPExceptionError, OSError) as error:
            if self.tls is not None and self.tls.refused:
                return failed(FailureKind.CONFIG, f"TLS: {clean(self.tls.refused, 200)}")
            return failed(FailureKind.UNAVAILABLE, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - whatever a broken reply provokes in ldap3, it denies
            return failed(FailureKind.PROTOCOL, type(error).__name__)
        finally:
            self.close()

    def abort(self) -> None:
        """Cut the connection, so that the thread ends, and do nothing that has not begun."""
        self.aborted = True
        connected = self.connection.socket
        if connected is not None:
            # SSLSocket's own method would take the TLS state away from under the thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye, if the server still listens."""
        with suppress(LDAPExceptionError, OSError):
            self.connection.unbind()
        if self.connection.socket is not None:
            # ldap3 forgets a socket whose TLS handshake failed.
            self.connection.socket.close()

    def check(self) -> Checked:
        """Search, bind, read groups, from top to bottom."""
        self.connect()
        entry, missing = self.find_person(self.directory.group_attribute)

        code, message = self.bind(entry["dn"] if entry else self.nobody(), self.password)
        if code in OVERLOADED:
            return failed(FailureKind.UNAVAILABLE, f"bind: code {code}")
        if code in REFUSES_EVERYBODY:
            return failed(FailureKind.CONFIG, f"bind: code {code}: {message}")
        if entry is None:
            return PasswordWrong(missing)
        if code != SUCCESS:
            return PasswordWrong(f"code {code}: {message}")
        return PasswordRight(groups=self.groups_of(entry))

    def connect(self) -> None:
        """Connect, and be who searches."""
        self.connection.open(read_server_info=False)
        if self.tls is not None and not self.address.ldaps:
            self.connection.start_tls(read_server_info=False)
        self.bind_as_searcher()

    def bind_as_searcher(self) -> None:
        """Bind as the account that searches; what it may not do is the administrator's to put right."""
        code, message = self.bind(self.directory.bind_dn, self.directory.bind_password)
        if code in OVERLOADED:
            raise StoppedError(failed(FailureKind.UNAVAILABLE, f"bind of bind_dn: code {code}"))
        if code != SUCCESS:
            raise StoppedError(failed(FailureKind.CONFIG, f"bind of bind_dn: code {code}: {message}"))

    def find_person(self, attribute: str | None) -> tuple[dict[str, Any] | None, str]:
        """Find the one entry of the user, with this attribute, or say why there is none to bind as."""
        text = fill(self.directory.user_filter, user=self.user)
        # Two are enough to know that it is not one.
        code, entries = self.search(self.directory.base_dn, text, [attribute] if attribute else ["1.1"], limit=2)
        if code not in (SUCCESS, SIZE_LIMIT_EXCEEDED):
            raise StoppedError(failed(FailureKind.CONFIG, f"search below base_dn: code {code}"))
        if len(entries) > 1 or code == SIZE_LIMIT_EXCEEDED:
            return None, "more than one entry matches user_filter"
        if not entries:
            return None, "no entry matches user_filter"
        if not entries[0]["dn"]:
            # RFC 4513 section 5.1.1: a bind without a name is anonymous, and succeeds.
            return None, "the entry has no name"
        return entries[0], ""

    def nobody(self) -> str:
        """Name an entry that cannot exist."""
        return f"cn={secrets.token_hex(16)},{self.directory.base_dn}"

    def groups_of(self, entry: dict[str, Any]) -> frozenset[str]:
        """Read the groups, by their distinguished names and their short ones."""
        directory = self.directory
        if directory.group_attribute:
            values = entry["raw_attributes"].get(directory.group_attribute, [])
            names = [value.decode("utf-8", "replace") for value in values]
        elif directory.group_filter:
            self.bind_as_searcher()  # a person need not be allowed to read groups
            text = fill(directory.group_filter, user=self.user, dn=entry["dn"])
            code, found = self.search(directory.group_base_dn or directory.base_dn, text, ["1.1"], limit=MAX_GROUPS)
            if code != SUCCESS:
                raise StoppedError(failed(FailureKind.CONFIG, f"search of groups: code {code}"))
            names = [group["dn"] for group in found]
        else:
            return frozenset()
        if len(names) > MAX_GROUPS:
            raise StoppedError(failed(FailureKind.CONFIG, f"more than {MAX_GROUPS} groups"))
        return frozenset(names) | frozenset(short for name in names if (short := short_name(name)))

    def bind(self, name: str, password: Secret) -> tuple[int, str]:
        """Bind, and return the code and the server's words, for the log."""
        self.stop_if_aborted()
        self.final = self.final or password is self.password
        self.connection.rebind(name, password.value, read_server_info=False)
        result = self.connection.result
        return int(result["result"]), clean(str(result["message"]), 200)

    def search(self, base: str, text: str, attributes: list[str], limit: int) -> tuple[int, list[dict[str, Any]]]:
        """Search a subtree, and return the code and the entries; references to other servers are left alone."""
        self.stop_if_aborted()
        self.connection.search(
            base, text, SUBTREE, dereference_aliases=DEREF_NEVER, attributes=attributes, size_limit=limit
        )
        code = int(self.connection.result["result"])
        if code in OVERLOADED:
            raise StoppedError(failed(FailureKind.UNAVAILABLE, f"search: code {code}"))
        return code, [found for found in self.connection.response if found["type"] == "searchResEntry"]

    def stop_if_aborted(self) -> None:
        """Send nothing for a caller who has gone: the name look-up, for one, cannot be cut short."""
        if self.aborted:
            raise StoppedError(failed(FailureKind.UNAVAILABLE, "given up"))


def failed(kind: FailureKind, detail: str) -> Failed:
    """Nobody was asked: a first factor asks no person."""
    return Failed(kind, asked=False, detail=detail)


def fill(text: str, **values: str) -> str:
    """Put values into the places of a filter; none of their characters keeps a meaning there (RFC 4515 section 3)."""
    return re.sub(r"\{(user|dn)\}", lambda place: str(escape_filter_chars(values[place[1]])), text)


def short_name(name: str) -> str:
    """Return the first value of a distinguished name: ``vpn`` of ``cn=vpn,ou=groups,dc=example``.

    Nothing if that value looks like a distinguished name itself: whoever may make some group could else make one that
    is called like another group in full, which an administrator has written into a rule to be safe from just that.
    """
    try:
        value = parse_dn(name)[0][1]
    except (LDAPExceptionError, IndexError):
        return ""
    # RFC 4514 section 2.4: octets as two hexadecimal digits, or a character after a backslash.
    octets = re.sub(
        rb"\\([0-9A-Fa-f]{2}|.)",
        lambda found: bytes.fromhex(found[1].decode()) if len(found[1]) == 2 else found[1],
        value.encode(),
        flags=re.DOTALL,
    )
    name = octets.decode("utf-8", "replace")
    return "" if "=" in name else name


def filter_fault(text: str) -> str:
    """Say what is wrong with a filter of the configuration; nothing if it is one (RFC 4515)."""
    probe = fill(text, user="user", dn="cn=user")
    try:
        parse_filter(probe, None, False, None, None, False)
    except LDAPExceptionError as error:
        return str(error) or type(error).__name__
    return ""
