"""python -m benchmarks [NAME...]: run races, show their tables, write RESULTS.md."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from benchmarks.machine import load
from benchmarks.races import RACES
from benchmarks.report import section, show, write
from benchmarks.setting import Setting

RESULTS = Path(__file__).with_name("RESULTS.md")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--rows", type=click.IntRange(min=1000), help="Rows of the synthetic corpus.  [default: 400000]")
@click.option("--repeats", type=click.IntRange(min=1), help="Rounds of each race.  [default: 5]")
@click.option("--quick", is_flag=True, help="3000 rows and 2 repeats: to see that all races run. Writes no file.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="[default: benchmarks/RESULTS.md]")
def main(names: tuple[str, ...], rows: int | None, repeats: int | None, quick: bool, out: Path | None) -> None:
    """Race hogwild against its peers. Without a NAME all races run."""
    if unknown := [name for name in names if name not in RACES]:
        raise click.UsageError(f"no race is called {unknown[0]!r}; there are {', '.join(RACES)}")
    setting = Setting(rows or (3_000 if quick else 400_000), repeats or (2 if quick else 5), quick)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    sections = {}
    for name in names or RACES:
        console.print(f"\n[dim]{name} ...[/]")
        busy = load()
        outcome = RACES[name](setting)
        show(outcome, console)
        sections[name] = section(outcome, name, setting, busy)
        target = out if out is not None else None if quick else RESULTS
        if target is not None:  # after each race, so that an interrupted run keeps what is done
            write(target, sections, list(RACES))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
