"""Asking and waiting under one deadline, and withdrawing the question on every way out but an answer."""

import asyncio

from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import Provider
from pushgate.tasks import finish

PUSH_SENT = "Approval requested. Please answer in your browser or terminal."
LAST_LOOK_SECONDS = 0.5
"""What a provider may take after the deadline for its last look at the session."""


async def begin_question(provider: Provider, login: Login, deadline: float) -> Outcome:
    """Ask the person.

    If we are cancelled while the request is on its way, the session may come to life all the same: so the request is
    let through to its end, and what it began is withdrawn.
    """
    begun = asyncio.create_task(provider.begin(login, deadline))
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        await finish(begun)
        outcome = None if begun.cancelled() or begun.exception() else begun.result()
        if isinstance(outcome, Pending | NeedsCode):
            await withdraw(provider, outcome.handle)
        raise


async def wait_for_answer(
    provider: Provider, handle: Handle, conversation: Conversation, deadline: float, clock: Clock
) -> Approved | Denied | Failed:
    """Say that the question is out and wait until the person has answered or the deadline has come.

    On every way out but an answer the question is withdrawn, also where the front end fails at being told.
    """
    outcome: Approved | Denied | Failed | None = None
    try:
        async with clock.timeout_at(deadline + LAST_LOOK_SECONDS):
            await conversation.tell(PUSH_SENT)
            outcome = await provider.wait(handle, deadline)
    except TimeoutError:
        outcome = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")
    finally:
        if not isinstance(outcome, Approved | Denied):
            await withdraw(provider, handle)
    return outcome


async def withdraw(provider: Provider, handle: Handle) -> None:
    """Take the question back, to the end even if we are cancelled again; bounded by the provider."""
    await finish(asyncio.create_task(provider.cancel(handle)))
