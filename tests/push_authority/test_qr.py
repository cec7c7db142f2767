import re

import segno

from push_authority.qr import black_runs, qr_drawing


def test_drawing_is_the_code() -> None:
    """Painted module by module, the drawing is the code that the library makes, with its quiet zone."""
    text = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ"
    drawing = qr_drawing(text)
    painted = [[0] * drawing["size"] for _ in range(drawing["size"])]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", drawing["path"]):
        for column in range(int(x), int(x) + int(length)):
            painted[int(y)][column] = 1
    expected = [list(row) for row in segno.make_qr(text, error="m").matrix_iter(border=4)]
    assert painted == expected
    assert re.fullmatch(r"(M\d+ \d+h\d+v1h-\d+z)+", drawing["path"])


def test_runs_end_at_the_edge() -> None:
    """A black stretch at the end of a row is drawn too."""
    assert black_runs(3, [1, 1, 0, 1]) == ["M0 3h2v1h-2z", "M3 3h1v1h-1z"]
    assert black_runs(0, [0, 0]) == []
