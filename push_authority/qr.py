"""A QR code as the path of an SVG, which a page may draw without any markup from us."""

from typing import Any

import segno

QUIET = 4
"""Modules of white around the code (ISO/IEC 18004 section 9.1)."""


def qr_drawing(text: str) -> dict[str, Any]:
    """Return ``size`` (of the square, in modules, with its quiet zone) and ``path`` (what is black in it)."""
    rows = list(segno.make_qr(text, error="m").matrix_iter(border=QUIET))
    runs = [run for y, row in enumerate(rows) for run in black_runs(y, row)]
    return {"size": len(rows), "path": "".join(runs)}


def black_runs(y: int, row: Any) -> list[str]:
    """Return each black stretch of a row as a rectangle."""
    runs, start = [], None
    for x, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            runs.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            start = None
    return runs
