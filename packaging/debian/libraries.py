"""What the package's own Python environment holds beside pushgate; run by its own interpreter.

`unneeded` lists the distributions that pushgate does not need, as they only build its wheel; `copyright` writes the
part of Debian's copyright file that names all others.
"""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

OURS = "pushgate"
PLACE = "/usr/lib/pushgate/lib/python3.11/site-packages"


def normal(name: str) -> str:
    """Spell a distribution's name the way PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(found: dict[str, Distribution]) -> set[str]:
    """Follow the requirements from pushgate on."""
    from packaging.requirements import Requirement

    reached: set[str] = set()
    fresh = {OURS}
    while fresh:
        reached |= fresh
        wanted = [Requirement(line) for name in fresh for line in found[name].requires or ()]
        # pip has refused to go on without what holds here; another platform's requirements are not installed.
        names = {normal(each.name) for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})}
        fresh = names - reached
    return reached


def licence(library: Distribution) -> str:
    """Say the licence in the library's own words: the expression, the field, or the classifiers."""
    about = library.metadata
    word = about["License-Expression"] or (about["License"] or "").partition("\n")[0]
    classifiers = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier", []) if line.startswith("License ")]
    return word.strip() or ", ".join(classifiers) or "see its files"


def paragraph(library: Distribution) -> str:
    """Name a library with its licence and, where it comes with the text, where that is."""
    folder = Path(str(library.locate_file("."))).resolve()
    texts = sorted(
        path.relative_to(folder)
        for pattern in ("LICEN[CS]E*", "COPYING*", "NOTICE*", "licenses/**/*")
        for path in folder.glob(f"{library._path.name}/{pattern}")
        if path.is_file()
    )
    lines = [f" {library.metadata['Name']} {library.version}: {licence(library)}"]
    return "\n".join([*lines, *(f"  {PLACE}/{text}" for text in texts)])


def main() -> None:
    """Print what was asked for."""
    found = {normal(library.metadata["Name"]): library for library in distributions()}
    if sys.argv[1] == "unneeded":
        print("\n".join(sorted(found.keys() - needed(found))))
    else:
        print("\n".join(paragraph(found[name]) for name in sorted(found.keys() - {OURS})))


main()
