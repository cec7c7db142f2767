"""Cleaning text from outside before a person, log or terminal sees it."""

CUT = "…"
"""What a text ends with that was too long."""


def clean(text: str, limit: int = 512) -> str:
    r"""Make hidden characters visible (``\x1b``, ``\u202e``) and cut to ``limit`` characters with an ellipsis."""
    if text.isprintable() and len(text) <= limit:
        return text
    # Cut first: the visible form of a megabyte of escapes would be built only to be thrown away.
    shown = "".join(_visible(character) for character in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + CUT


def is_clean_name(name: str) -> bool:
    """Whether a user name could be one: 1-128 characters, none hidden, no blanks at the ends."""
    return 0 < len(name) <= 128 and name == name.strip() and clean(name, 128) == name


def _visible(character: str) -> str:
    # Not printable: control, format (bidi, zero width), surrogates, private use, unassigned, every blank but space.
    if character.isprintable():
        return character
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
