"""A host of PAM that logs in as often and as oddly as a test asks: ``pam_driver.c``, and the module in its stack."""

import functools
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.pam import MODULE_FOLDER, built_module, module_line, pam_service

SOURCE = Path(__file__).with_suffix(".c")
BUILD = MODULE_FOLDER / "build"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


@dataclass(frozen=True)
class Driver:
    """The driver, the module that it loads, and the stack that says so. Needs no root."""

    program: Path
    services: Path
    service: str

    def command(
        self,
        *,
        user: str = "root",
        tty: str = "",
        rhost: str = "",
        processes: int = 1,
        threads: int = 1,
        logins: int = 1,
    ) -> list[str]:
        """Write the command that logs in: so often, in so many threads of so many processes."""
        items = (str(self.program), str(self.services), self.service, user, tty, rhost)
        return [*items, str(processes), str(threads), str(logins)]

    def start(
        self, command: Sequence[str], *, inherits: Sequence[int] = (), before: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        """Start the driver without a terminal; with descriptors that it inherits, and after what it does itself."""
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=inherits,
            preexec_fn=before,
        )

    def run(self, command: Sequence[str], *, typed: str = "", within: float = 60.0) -> list[str]:
        """Run the driver to its end, and return the lines that it prints; it must leave no trace and no complaint."""
        process = self.start(command)
        try:
            output, complaints = process.communicate(typed, timeout=within)
        finally:
            process.kill()
        assert (process.returncode, complaints) == (0, ""), complaints
        return output.splitlines()


@functools.cache
def built_driver(*, sanitized: bool = False) -> Path:
    """Build the driver if its source is newer, and return its path."""
    program = BUILD / ("pam_driver_sanitized" if sanitized else "pam_driver")
    BUILD.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime <= SOURCE.stat().st_mtime:
        warnings = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Werror")
        options = SANITIZERS if sanitized else ()
        new = program.with_suffix(".new")
        subprocess.run(["gcc", "-O1", "-g", *warnings, *options, "-o", new, SOURCE, "-lpam", "-pthread"], check=True)
        new.rename(program)
    return program


@functools.cache
def sanitized_module() -> Path:
    """Build the module with ASan and UBSan, and return its path."""
    make = ["make", "--silent", "-C", str(MODULE_FOLDER), "sanitized"]
    subprocess.run(make, check=True, env=dict(os.environ, MAKEFLAGS=""))
    return BUILD / "sanitized" / "pam_pushgate.so"


@contextmanager
def driver(socket: Path, *options: str, sanitized: bool = False) -> Iterator[Driver]:
    """Put the module into a stack that leads to a socket of ours, in a folder of its own."""
    module = sanitized_module() if sanitized else built_module()
    line = module_line(socket, f"daemon_uid={os.geteuid()}", *options, module=module)
    with tempfile.TemporaryDirectory() as name, pam_service(line, folder=Path(name)) as service:
        yield Driver(built_driver(sanitized=sanitized), Path(name), service)
