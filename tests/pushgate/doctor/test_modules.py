"""The doctor knows what a module is to a login."""

from pathlib import Path

import pytest

from pushgate.doctor.codes import Code
from pushgate.doctor.modules import Role, codes_of, is_our_hook, is_ours, role_of
from tests.support.doctor import stack


@pytest.mark.parametrize(
    ("module", "role"),
    [
        ("/usr/lib/pushgate/pam_pushgate.so socket=/run/x", Role.OURS),
        ("pam_python.so /usr/lib/pushgate/hook.py", Role.OURS),
        ("pam_python.so /usr/lib/other/script.py", Role.FACTOR),
        ("pam_unix.so nullok", Role.FACTOR),
        ("pam_of_somebody.so", Role.FACTOR),
        ("pam_rootok.so", Role.CONDITION),
        ("pam_succeed_if.so user ingroup staff", Role.CONDITION),
        ("pam_permit.so", Role.HELPER),
        ("pam_faillock.so preauth", Role.HELPER),
    ],
)
def test_role(tmp_path: Path, module: str, role: Role) -> None:
    """A module is ours, a condition or a helper if it is known as one, and otherwise asks for a proof."""
    (handler,) = stack(tmp_path, f"auth required {module}")
    assert role_of(handler.rule) is role
    assert is_ours(handler.rule) == (role is Role.OURS)


def test_hook(tmp_path: Path) -> None:
    """Our hook is told from other scripts under pam_python."""
    handlers = stack(
        tmp_path, "auth required pam_python.so /a/hook.py\nauth required pam_python.so\nauth required x.so"
    )
    assert [is_our_hook(handler.rule) for handler in handlers] == [True, False, False]


def test_codes(tmp_path: Path) -> None:
    """Our module may refuse in every way, pam_deny only refuses, and a line with a slip fails."""
    text = "auth required pam_pushgate.so\nauth required pam_deny.so\nauth required x.so\nauth required"
    ours, deny, factor, slip = (set(codes_of(handler)) for handler in stack(tmp_path, text))
    assert {Code.SUCCESS, Code.ABORT, Code.IGNORE, Code.AUTHINFO_UNAVAIL, Code.MODULE_UNKNOWN} < ours
    assert (deny, slip) == ({Code.AUTH_ERR}, {Code.PERM_DENIED})
    # No module says "ignore me" of a wrong password.
    assert Code.IGNORE not in factor
