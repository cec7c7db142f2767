"""What the module asks a person, and what of the answer it sends."""

import pytest

from tests.support.pam_bench import APPROVE, AUTH_ERR, CONV_ERR, SERVICE_ERR, SUCCESS, Bench

pytestmark = pytest.mark.system

PROMPT_SHOWN = "510006" + b"Code: ".hex()
PROMPT_HIDDEN = "500005" + b"PIN: ".hex()


def test_prompts(bench: Bench) -> None:
    """Prompts are shown, what is typed comes back as it is, and the result decides."""
    bench.start_daemon(PROMPT_SHOWN, PROMPT_HIDDEN, APPROVE, end="record")
    shown = bench.authenticate(typed="123456\n\n")
    assert (shown[-1].removeprefix("Code: PIN: "), bench.recorded(2)) == (SUCCESS, [b"r\0\x06123456", b"r\0\0"])


def test_longest_answer(bench: Bench) -> None:
    """An answer of 511 bytes is sent; a longer one is not cut: the call is cancelled."""
    bench.start_daemon(PROMPT_SHOWN, APPROVE, end="record")
    assert bench.authenticate(typed="1" * 511 + "\n")[-1].endswith(SUCCESS)
    assert bench.authenticate(typed="1" * 512 + "\n")[-1].endswith(CONV_ERR)
    assert bench.recorded(3) == [b"r\x01\xff" + b"1" * 511, b"", b"x\0\x0cconversation"]


def test_nobody_to_ask(bench: Bench) -> None:
    """A conversation that fails cancels the call with its own code."""
    bench.start_daemon(PROMPT_SHOWN, APPROVE, end="record")
    assert bench.authenticate(typed="")[-1].endswith(CONV_ERR)
    assert bench.recorded(1) == [b"x\0\x0cconversation"]


def test_fourth_prompt(bench: Bench) -> None:
    """More prompts than agreed are an error."""
    bench.start_daemon(*[PROMPT_SHOWN] * 4, APPROVE, end="record")
    assert bench.authenticate(typed="1\n2\n3\n4\n")[-1].endswith(SERVICE_ERR)


def test_answer_after_the_deadline(bench: Bench) -> None:
    """An answer that comes after the deadline is dropped, and so is the approval behind it."""
    bench.start_daemon(PROMPT_SHOWN, APPROVE, end="record")
    assert bench.authenticate("timeout=1", typed_after=1.3, typed="1\n")[-1].endswith(AUTH_ERR)
    assert bench.recorded(1) == [b"x\0\x07timeout"]


def test_login_password_is_no_code(bench: Bench) -> None:
    """An answer that is the login password stays here: some hosts answer every question with it."""
    bench.start_daemon(PROMPT_HIDDEN, APPROVE, end="record")
    password = "auth optional pam_unix.so nodelay"
    bench.authenticate(before=password, typed="correct horse\ncorrect horse\n")
    bench.authenticate(before=password, typed="correct horse\ncorrect house\n")
    assert bench.recorded(3) == [b"r\0\0", b"", b"r\0\x0dcorrect house"]
