"""What the core can tell and ask through RADIUS."""

import pytest

from pushgate.conversation import CannotAsk
from radius_server.conversation import RadiusConversation


async def test_no_way_to_ask() -> None:
    """A NAS in blocking mode takes a word in silence, asks nothing, and says when it must have its reply."""
    conversation = RadiusConversation(128.0)
    await conversation.tell("Approve on your phone")
    with pytest.raises(CannotAsk):
        await conversation.ask("Code: ", echo=True)
    assert conversation.reply_by == 128.0
