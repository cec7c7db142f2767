"""Making hidden characters visible before text reaches a person."""

import unicodedata

HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (bidi, zero width), surrogates, private use, unassigned, line and paragraph separators."""

HIDDEN_LETTERS = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"}
"""Characters that count as letters, marks or symbols, yet draw nothing."""


def visible(text: str) -> str:
    r"""Write hidden characters as escapes (``\x1b``, ``\u202e``) and the backslash as itself."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(escape(character) for character in text)


def is_visible_name(name: str, limit: int = 128) -> bool:
    """Whether a name can be shown as it is: 1 to ``limit`` characters, none hidden, no blanks at its ends."""
    return 0 < len(name) <= limit and name == name.strip() and visible(name) == name


def escape(character: str) -> str:
    """Return one character as a person will see it."""
    hidden = unicodedata.category(character) in HIDDEN_CATEGORIES or character in HIDDEN_LETTERS
    # Variation selectors (general category Mn) can hide any number of bytes behind one visible character.
    if not hidden and not ("\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"):
        return character
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
