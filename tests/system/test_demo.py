"""The demo as a newcomer runs it."""

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.browser import approve_next, enrolled_page, running_browser
from tests.support.gate import PUSHGATE
from tests.support.processes import wait_until

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("answer", "last"), [("approve", "Access-Accept"), ("deny", "Access-Reject"), ("ignore", "Access-Reject")]
)
def test_make_demo_answers_by_itself(answer: str, last: str) -> None:
    """A newcomer who sets DEMO_ANSWER sees the right reply as the last line, and exit status 0."""
    result = subprocess.run(
        ["make", "--silent", "--no-print-directory", "demo"],
        cwd=ROOT,
        env={**os.environ, "DEMO_ANSWER": answer, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, last), result.stdout + result.stderr


VARIABLE = (
    r"pushgate-demo-\w+",
    r"(?<=activation code )\w+",
    r"(?<=fingerprint )\w+",
    r"(?<=localhost:)\d+",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    r"(?<=Nonce of the asker: ).*",
)


def without_variables(text: str) -> list[str]:
    """Drop what is another in each run."""
    for pattern in VARIABLE:
        text = re.sub(pattern, "…", text)
    return text.splitlines()


def test_the_readme_shows_what_the_demo_prints() -> None:
    """A reader of the README sees the demo's real output."""
    transcript = (ROOT / "README.md").read_text().partition("$ DEMO_ANSWER=approve make demo\n")[2].partition("```")[0]
    shown = subprocess.run(
        [PUSHGATE, "demo", "--answer", "approve"], capture_output=True, text=True, timeout=100, check=True
    )
    assert without_variables(transcript) == without_variables(shown.stdout)


def test_an_unknown_answer_is_refused() -> None:
    """A newcomer who misspells the answer is told the possible ones."""
    result = subprocess.run([PUSHGATE, "demo", "--answer", "yes"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "approve" in result.stderr


async def test_the_demo_waits_for_a_browser_and_goes_on_serving(private_folder: Path) -> None:
    """A newcomer opens the printed page, approves there, sees what the NAS received, and ends it with Ctrl-C."""
    log = private_folder / "demo.log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(private_folder)}
    with log.open("wb") as output:
        demo = subprocess.Popen([PUSHGATE, "demo"], stdout=output, stderr=output, env=environment)
    try:
        await asyncio.to_thread(wait_until, lambda: "/e#" in log.read_text(), 20, "the page's address")
        address = re.search(r"(http://localhost:\d+)/e#(\w+)", log.read_text())
        assert address is not None
        async with running_browser() as browser, enrolled_page(browser, address[1], address[2]) as page:
            await approve_next(page)
            await asyncio.to_thread(wait_until, lambda: "still serving" in log.read_text(), 20, "the NAS's answer")
        assert "Access-Accept" in log.read_text()
        assert re.search(r"radclient -t \d+ -r 1 127\.0\.0\.1:\d+ auth \w+", log.read_text())
        assert demo.poll() is None
        demo.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(demo.wait, 10) == 0
    finally:
        demo.kill()
        demo.wait()
    assert [path.name for path in private_folder.iterdir()] == ["demo.log"]
