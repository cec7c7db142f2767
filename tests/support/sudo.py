"""A user who may use sudo, through a PAM service of their own."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect

from tests.support.users import User, temporary_user


@dataclass(frozen=True)
class SudoUser:
    """An account with a line in sudoers, and a way to run sudo as that account in a terminal of its own."""

    account: User
    service: str
    """The PAM service that sudo uses for this user."""

    def run(self, *command: str, timeout: float = 20) -> "pexpect.spawn[str]":
        """Start a command as the user; its terminal is the result."""
        program, *words = self.as_account(*command)
        return pexpect.spawn(program, words, timeout=timeout, encoding="utf-8", cwd=str(self.account.home))

    def as_account(self, *command: str) -> list[str]:
        """Return the command line that runs a command as the user."""
        become = ["--reuid", self.account.name, "--regid", str(self.account.uid), "--init-groups", "--reset-env"]
        return ["setpriv", *become, *command]

    def sudo(self, *arguments: str, timeout: float = 20) -> "pexpect.spawn[str]":
        """Start sudo as the user."""
        return self.run("sudo", *arguments, timeout=timeout)


@contextmanager
def sudo_user(service: str) -> Iterator[SudoUser]:
    """Make a user for whom sudo asks one PAM service, each time anew. Needs root."""
    with temporary_user() as account:
        path = Path("/etc/sudoers.d") / f"pushgate-test-{secrets.token_hex(4)}"
        rules = [
            f"Defaults:{account.name} pam_service={service}, pam_login_service={service}",
            f"Defaults:{account.name} timestamp_timeout=0, lecture=never, passwd_tries=3",
            f"{account.name} ALL=(ALL) ALL",
        ]
        path.touch(mode=0o440)
        try:
            path.write_text("\n".join(rules) + "\n")
            yield SudoUser(account, service)
        finally:
            path.unlink()
