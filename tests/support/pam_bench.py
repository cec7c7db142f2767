"""The PAM module in a stack of its own, and a place for the daemon that it is to meet."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.support import stand_in
from tests.support.pam import PAM_FOLDER, PAM_WRAPPER, module_line, pam_service, pamtester

NOBODY = 65534

SUCCESS = "pamtester: successfully authenticated"
SERVICE_ERR = "pamtester: Error in service module"
AUTH_ERR = "pamtester: Authentication failure"
AUTHINFO_UNAVAIL = "pamtester: Authentication service cannot retrieve authentication info"
USER_UNKNOWN = "pamtester: User not known to the underlying authentication module"
CONV_ERR = "pamtester: Conversation error"
APPROVE = "52000100"


@dataclass
class Bench:
    """The module in a stack, and a place for the daemon that it is to meet."""

    folder: Path
    """Holds the socket."""
    module: Path
    daemon_uid: int
    """Who the module believes the daemon to be."""
    as_uid: int | None = None
    """Who runs pamtester; None: whoever runs the tests."""
    services: Path | None = None
    """Where pam_wrapper finds services; None: the machine's own folder."""
    daemons: ExitStack = field(default_factory=ExitStack)
    output: IO[bytes] | None = None
    """What the stand-in prints."""

    @property
    def socket(self) -> Path:
        """Where the module looks for the daemon."""
        return self.folder / "pam.sock"

    def start_daemon(self, *pieces: str, end: str = "hang", queue: int = 5, uid: int | None = None) -> None:
        """Start the stand-in daemon."""
        command = [sys.executable, "-IS", stand_in.__file__, str(self.socket)]
        options = [str(self.daemon_uid if uid is None else uid), str(queue), end, *pieces]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE)
        self.daemons.callback(process.communicate)
        self.daemons.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        self.output = process.stdout

    def recorded(self, count: int) -> list[bytes]:
        """Read what the module has sent back to the stand-in."""
        assert self.output is not None
        return [bytes.fromhex(self.output.readline().decode()) for _ in range(count)]

    def authenticate(
        self,
        *arguments: str,
        user: str = "root",
        line: str = "",
        before: str = "",
        typed: str = "",
        typed_after: float = 0.0,
        options: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> list[str]:
        """Log in, and return the lines that the person sees; the last one is PAM's verdict.

        Args:
            arguments: The module's, beside its socket.
            user: Who logs in.
            line: The module's whole line, instead.
            before: A line that stands before the module's.
            typed: What the person types.
            typed_after: Seconds that the person takes.
            options: Of pamtester.
            environment: The caller's.
        """
        environment = dict(environment or {})
        if self.services:
            arguments = (*arguments, f"daemon_uid={self.daemon_uid}")
            environment |= {"LD_PRELOAD": PAM_WRAPPER, "PAM_WRAPPER": "1"}
            environment["PAM_WRAPPER_SERVICE_DIR"] = str(self.services)
        line = line or module_line(self.socket, *arguments, module=self.module)
        with pam_service(before, line, folder=self.services or PAM_FOLDER) as service:
            result = pamtester(
                service,
                user,
                typed=typed,
                typed_after=typed_after,
                environment=environment,
                as_uid=self.as_uid,
                options=options,
            )
        # pam_wrapper shows on standard error what would go to syslog.
        return [line for line in result.splitlines() if not line.startswith("PWRAP_")]


@contextmanager
def private_folder(owner: int | None) -> Iterator[Path]:
    """Make a folder that everybody may enter and only its owner may change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if owner is not None:
            os.chown(folder, owner, owner)
        yield folder
