"""The conversation of the tests keeps the contract of the front ends."""

import pytest

from pushgate.conversation import CannotAsk
from tests.support.core import RecordingConversation


async def test_a_front_end_without_prompts_says_so() -> None:
    """A core that asks where nobody can be asked is told by its own exception."""
    with pytest.raises(CannotAsk):
        await RecordingConversation().ask("Code: ", echo=True)
