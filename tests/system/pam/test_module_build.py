"""The module as it is built."""

import re
import subprocess

import pytest

from tests.support.pam import MODULE_FOLDER, built_module

pytestmark = pytest.mark.system

LINES, LINES_OF_A_FILE = 400, 300
"""As short as what runs as root in sshd, sudo and su has to be, so that it can be read in one sitting."""


def listing(*command: str) -> str:
    """Look into the module."""
    return subprocess.run([*command, built_module()], check=True, capture_output=True, text=True).stdout


def test_module_exports_only_what_pam_calls() -> None:
    """The module shows PAM's entry points and nothing else, so that it cannot clash with its host's names."""
    names = {line.split()[-1] for line in listing("nm", "-D", "--defined-only").splitlines()}
    assert names == {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt"}


def test_module_is_hardened() -> None:
    """Relocations are read-only before the module runs, its stack is guarded and holds no code."""
    dump = listing("readelf", "-dlsW")
    assert "GNU_RELRO" in dump
    assert re.search(r"FLAGS_1.* NOW", dump)
    assert "__stack_chk_fail" in dump
    assert "__snprintf_chk" in dump
    assert re.search(r"GNU_STACK +(0x[0-9a-f]+ +){5}RW +", dump)
    assert "TEXTREL" not in dump


def test_module_needs_libc_and_libpam_alone() -> None:
    """Nothing else comes with the module into its hosts."""
    assert set(re.findall(r"NEEDED.*\[(.*)\]", listing("readelf", "-dW"))) == {"libpam.so.0", "libc.so.6"}


def test_module_starts_nothing_and_allocates_nothing() -> None:
    """The module calls nothing that makes processes, runs programs, handles signals or allocates; libpam does."""
    symbols = [line.split()[-1].partition("@")[0] for line in listing("nm", "-D", "--undefined-only").splitlines()]
    imported = {symbol.removeprefix("__").removesuffix("_chk") for symbol in symbols}
    forbidden = {"fork", "vfork", "posix_spawn", "execve", "execvp", "system", "popen", "malloc", "calloc", "realloc"}
    forbidden |= {"strdup", "sigaction", "signal", "fopen", "read", "alarm", "pthread_create", "dlopen"}
    assert imported & forbidden == set()
    assert {"signalfd", "poll", "explicit_bzero"} <= imported


def test_module_is_short() -> None:
    """The module has fewer than 400 lines that are neither blank nor comment, and no file of more than 300."""
    sources = [path.read_text() for path in MODULE_FOLDER.glob("*.[ch]")]
    code = [re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL).splitlines() for source in sources]
    assert 0 < sum(bool(line.strip()) for lines in code for line in lines) < LINES
    assert max(len(source.splitlines()) for source in sources) <= LINES_OF_A_FILE
