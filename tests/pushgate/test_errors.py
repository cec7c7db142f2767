"""Errors for people."""

from pushgate.errors import BadMessageError, ConfigurationError, PushgateError, where


def test_a_configuration_error_keeps_every_problem() -> None:
    """An administrator's errors are all there, the first one in front."""
    problems = [PushgateError("a: wrong", "fix a"), PushgateError("b: wrong")]
    error = ConfigurationError(problems)
    assert (error.message, error.hint, error.problems) == ("a: wrong", "fix a", problems)


def test_a_bad_message_names_its_reason() -> None:
    """A counter and a log line get a fixed word, whatever the peer sent."""
    error = BadMessageError("too_short", "19 octets")
    assert (error.reason, str(error)) == ("too_short", "19 octets")


def test_a_traceback_is_logged_without_what_was_typed() -> None:
    """An administrator reads where a fault is, and neither its message nor the source line."""
    typed = "hunter2"
    try:
        raise ValueError(typed)
    except ValueError as error:
        places = where(error)
    assert len(places) == 1
    assert places[0].startswith(__file__)
    assert typed not in places[0]
