"""Asking for the code that a provider wants: at most three wrong ones, and new ones that the person has sent for."""

from dataclasses import dataclass, replace

import structlog

from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation, NotAnswered
from pushgate.factors import Cancel, read_answer
from pushgate.login import Code, Method, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, NeedsCode, Outcome
from pushgate.question import CODE_TRIES, Chosen, Question, is_offered, is_wrong_code
from pushgate.text import clean
from pushgate.words import Words

log = structlog.get_logger()

RESEND_WORD = "resend"
PROMPT_LENGTH = 120
PROMPTS = 8
"""How often one login asks at most, whatever a provider says."""
NO_PLACE = "this front end cannot ask for a code"
NO_PLACE_HINT = "set mode: challenge or two_attempts for the client, or another prompt for the service"


@dataclass
class AskingCode:
    """One question that a code answers, from its prompt until the login has its outcome."""

    question: Question
    needed: NeedsCode
    conversation: Conversation
    deadline: float
    clock: Clock
    words: Words
    ways: frozenset[str] = frozenset()

    async def answer(self) -> Outcome | Chosen:
        """Let the person type codes, or the name of another way; whatever is not an answer withdraws the question."""
        outcome: Outcome | Chosen = self.needed
        try:
            async with self.clock.timeout_at(self.deadline):
                outcome = await self.converse()
        except NotAnswered:
            outcome = Failed(FailureKind.EXPIRED, asked=True, detail="the question for the code was not answered")
        except CannotAsk:
            login = self.question.login
            who = {"user": clean(login.user, 128), "service": clean(login.service, 64)}
            log.warning("code_not_asked", **who, hint=NO_PLACE_HINT)
            outcome = Failed(FailureKind.PROTOCOL, asked=True, detail=f"{NO_PLACE}: {NO_PLACE_HINT}")
        except TimeoutError:
            outcome = Failed(FailureKind.EXPIRED, asked=True)
        finally:
            if not isinstance(outcome, Approved | Denied):
                await self.question.withdraw()
        return outcome

    async def converse(self) -> Outcome | Chosen:
        """Ask until there is an outcome.

        Raises:
            CannotAsk: the front end has no way to ask, or the person did not answer.
        """
        prompt, again, wrong = self.needed.prompt, False, 0
        ways = self.ways - {self.needed.way} | ({RESEND_WORD} if self.needed.way else set())
        for _ in range(PROMPTS):
            shown = self.words.code_prompt(clean(prompt, PROMPT_LENGTH), ways)
            shown = self.words.again(shown) if again else shown
            typed = await self.conversation.ask(shown, echo=self.needed.echo)
            answer = read_answer(typed)
            if isinstance(answer, Cancel):
                return Failed(FailureKind.GIVEN_UP, asked=True)
            if isinstance(answer, Method) and is_offered(answer, ways):
                return Chosen(answer)
            if isinstance(answer, Method) and answer.word == self.needed.way:
                typed = RESEND_WORD
            # Here the provider knows what a code is: what does not look like one to us may still be one.
            code = answer.code if isinstance(answer, Code) else Secret(typed.encode())
            outcome = await self.question.submit(code, self.deadline)
            if isinstance(outcome, NeedsCode):
                self.question = replace(self.question, handle=outcome.handle)
                prompt = outcome.prompt
                again = outcome.wrong and not outcome.resent
                if not again:
                    continue
            if not is_wrong_code(outcome):
                return replace(outcome, asked=True) if isinstance(outcome, Failed) else outcome
            wrong += 1
            if wrong == CODE_TRIES:
                break
            again = True
        why = outcome.detail if isinstance(outcome, Failed | NeedsCode) else ""
        return Failed(FailureKind.BAD_CODE, asked=True, detail=why)
