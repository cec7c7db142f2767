"""Run the benchmarks that are named, or all: ``python -m benchmarks [name ...]``.

A wrong answer ends the run with exit code 1. A missed figure is printed as missed and does not: how fast a shared
machine is today is no property of this program.
"""

import sys
import traceback
from importlib import import_module

import click
from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure, WrongAnswerError

ALL = ("pam", "latency", "pending", "radius")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(ALL))
def main(names: tuple[str, ...]) -> None:
    """Run the benchmarks that are NAMED, or all."""
    console = Console(width=140, highlight=False)
    figures: list[Figure] = []
    wrong: list[str] = []
    for name in names or ALL:
        module = import_module(f"benchmarks.{name}")
        console.print(f"{name}: {(module.__doc__ or '').partition(chr(10))[0]}")
        try:
            figures += module.run()
        except Exception as error:  # noqa: BLE001 - one broken benchmark does not hide what the others find
            if not isinstance(error, WrongAnswerError):
                traceback.print_exc()
            wrong.append(f"{name}: {str(error) or type(error).__name__}")
    if figures:
        console.print(table(figures))
    for line in wrong:
        console.print(f"wrong: {line}", markup=False)
    sys.exit(1 if wrong else 0)


def table(figures: list[Figure]) -> Table:
    """Lay the figures out, one a line."""
    result = Table("figure", "value", "target", "", "beside")
    for figure in figures:
        value = f"{figure.value:,.3g}" if figure.value < 1000 else f"{figure.value:,.0f}"
        result.add_row(figure.name, f"{value} {figure.unit}", figure.target, figure.verdict, figure.beside)
    return result


if __name__ == "__main__":
    main()
