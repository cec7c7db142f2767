"""The evaluator decides as libpam does."""

import random
from collections import Counter
from pathlib import Path

import pytest

from pushgate.doctor.codes import WORDS, Code
from pushgate.doctor.dispatch import evaluate
from pushgate.doctor.handlers import Handler, Stacks
from tests.support.doctor import stack
from tests.support.libpam import authenticate

ROUNDS = 400
CODES = [code.name.lower() for code in Code if code is not Code.INCOMPLETE]
ACTIONS = ("ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3")
SLIPS = ("auth", "auth required", "aut required pam_permit.so", "aut sufficient pam_permit.so", "auth [success=ok")


class RandomStacks:
    """Makes stacks of every shape: controls in words and brackets, includes, substacks, lines with slips."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def control(self) -> str:
        """Make a control."""
        if self.dice.random() < 0.4:
            return self.dice.choice(list(WORDS))
        names = ("success", "success", "success", "auth_err", "abort", "ignore", *CODES)
        pairs = [f"{self.dice.choice(names)}={self.dice.choice(ACTIONS)}" for _ in range(self.dice.randint(0, 3))]
        if self.dice.random() < 0.8:
            pairs.append(f"default={self.dice.choice(ACTIONS)}")
        if self.dice.random() < 0.03:
            pairs.append(self.dice.choice(("bogus=ok", "abort=0", "success=fine", "success")))
        return f"[{' '.join(pairs)}]"

    def module(self) -> str:
        """Make a module: one that always says the same, one that is missing, or one that says what it is told to."""
        always = ("pam_permit.so", "pam_permit.so", "pam_deny.so", "pam_nowhere.so")
        if self.dice.random() < 0.3:
            return self.dice.choice(always)
        return f"pam_debug.so auth={self.dice.choice(('success', 'success', 'ignore', *CODES))}"

    def write(self, folder: Path, name: str, depth: int = 0) -> None:
        """Write a stack and what it includes."""
        lines = []
        for number in range(self.dice.randint(1, 5)):
            chance = self.dice.random()
            if depth < 3 and chance < 0.25:
                inner = f"{name}-{number}"
                self.write(folder, inner, depth + 1)
                lines.append(f"{self.dice.choice(('auth include', 'auth substack', '@include'))} {folder / inner}")
            elif chance > 0.98:
                lines.append(self.dice.choice(SLIPS))
            else:
                lines.append(f"auth {self.control()} {self.module()}")
        (folder / name).write_text("\n".join(lines) + "\n")


def code_of(handler: Handler) -> Code:
    """Say what a module of these stacks returns."""
    always = {"pam_permit": Code.SUCCESS, "pam_deny": Code.AUTH_ERR, "pam_nowhere": Code.MODULE_UNKNOWN}
    if handler.rule.name in always:
        return always[handler.rule.name]
    return Code[handler.rule.arguments.partition("=")[2].upper()]


@pytest.mark.parametrize("seed", range(3))
def test_it_decides_as_libpam_does(tmp_path: Path, seed: int) -> None:
    """The machine's libpam returns for hundreds of random stacks what the evaluator says."""
    stacks, results = RandomStacks(seed), Counter[Code]()
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        stacks.write(folder, "service")
        real = authenticate("service", folder)
        assert evaluate(Stacks((folder,)).auth("service"), code_of) is real, folder
        results[real] += 1
    assert results[Code.SUCCESS] > ROUNDS / 25
    assert len(results) > 12


def result(folder: Path, text: str, **included: str) -> Code:
    """Evaluate a stack of modules that return what they are told to."""
    return evaluate(stack(folder, text, **included), code_of)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Code.PERM_DENIED),
        ("auth required pam_permit.so", Code.SUCCESS),
        ("auth required pam_debug.so auth=ignore", Code.PERM_DENIED),
        ("auth required pam_debug.so auth=abort\nauth required pam_permit.so", Code.ABORT),
        ("auth optional pam_debug.so auth=abort\nauth required pam_permit.so", Code.SUCCESS),
        ("auth sufficient pam_permit.so\nauth required pam_deny.so", Code.SUCCESS),
        ("auth required pam_deny.so\nauth sufficient pam_permit.so", Code.AUTH_ERR),
        ("auth [success=1 default=ignore] pam_permit.so\nauth requisite pam_deny.so", Code.PERM_DENIED),
        ("auth [success=2 default=ignore] pam_permit.so\nauth requisite pam_deny.so", Code.PERM_DENIED),
    ],
)
def test_stacks_that_people_write(tmp_path: Path, text: str, expected: Code) -> None:
    """A stack ends as pam.conf(5) says; one that nobody decides fails, and so does a jump beyond its end."""
    assert result(tmp_path, text) is expected


def test_done_and_die_end_a_substack_alone(tmp_path: Path) -> None:
    """What ends a substack does not end the stack around it, but its refusal stays."""
    after = "auth substack inner\nauth required pam_debug.so auth=authtok_err"
    assert result(tmp_path, after, inner="auth sufficient pam_permit.so") is Code.AUTHTOK_ERR
    assert result(tmp_path, after, inner="auth requisite pam_deny.so\nauth required pam_permit.so") is Code.AUTH_ERR


def test_a_jump_counts_a_substack_as_one(tmp_path: Path) -> None:
    """A jump over a substack goes over all that it holds."""
    text = "auth [success=1] pam_permit.so\nauth substack inner\nauth required pam_permit.so"
    assert result(tmp_path, text, inner="auth required pam_deny.so\nauth required pam_deny.so") is Code.SUCCESS
