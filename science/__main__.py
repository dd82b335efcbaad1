"""`python -m science [STUDY...]`: run studies, and write their pages and docs/how-to-choose.md."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from science.choosing import CHOOSING, choosing, recall, remember
from science.studies import STUDIES
from science.study import Setting
from science.writing import write, write_index, write_text

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "science"


@click.command()
@click.argument("names", nargs=-1, metavar="[STUDY...]", type=click.Choice(list(STUDIES)))
@click.option("--quick", is_flag=True, help="So small that it takes seconds; pages are not written.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Of all runs.")
def main(names: tuple[str, ...], quick: bool, seed: int) -> None:
    """Find the findings of papers again. Exit code 1 if one of them does not hold."""
    holds = True
    for name in names or STUDIES:
        begun = time.perf_counter()
        found = STUDIES[name].look(Setting(seed, quick))
        click.echo(f"{STUDIES[name].title} ({time.perf_counter() - begun:.0f} s)")
        for finding in found.findings:
            click.echo(f"  {'holds' if finding.holds else 'DOES NOT HOLD'}: {finding.text}")
            holds &= finding.holds
        if not quick:
            write(STUDIES[name], found, FOLDER)
            remember(STUDIES[name], found.findings, FOLDER)
    if not quick:
        studies = list(STUDIES.values())
        write_index(studies, FOLDER)
        write_text(FOLDER.parent / CHOOSING, choosing(studies, recall(FOLDER)))
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
