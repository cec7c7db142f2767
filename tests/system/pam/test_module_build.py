"""The module as it is built."""

import re
import subprocess

import pytest

from tests.support.pam import built_module

pytestmark = pytest.mark.system


def test_module_exports_only_what_pam_calls() -> None:
    """The module shows PAM's entry points and nothing else, so that it cannot clash with its host's names."""
    listing = subprocess.run(["nm", "-D", "--defined-only", built_module()], check=True, capture_output=True, text=True)
    names = {line.split()[-1] for line in listing.stdout.splitlines()}
    assert names == {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt"}


def test_module_is_hardened() -> None:
    """Relocations are read-only before the module runs, its stack is guarded, and it needs libc and libpam alone."""
    dump = subprocess.run(["readelf", "-dlsW", built_module()], check=True, capture_output=True, text=True).stdout
    assert "GNU_RELRO" in dump
    assert "BIND_NOW" in dump
    assert "__stack_chk_fail" in dump
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dump)) == {"libpam.so.0", "libc.so.6"}
