"""Studies as pages of docs/science/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hogwild.data.atomic import saving
from hogwild.pages import plot
from science.study import Finding, Found, Study

INDEX = "README.md"


def write(study: Study, found: Found, folder: Path) -> None:
    """NAME.png and NAME.md."""
    plot(found.picture, folder / f"{study.name}.png")
    _write(folder / f"{study.name}.md", page(study, found))


def page(study: Study, found: Found) -> str:
    """The page; all its numbers are of these runs."""
    return "\n\n".join(
        [
            f"# {study.title}",
            study.paper,
            "## What the paper found",
            study.found_there,
            "## What we find",
            study.ours,
            "\n".join(_line(finding) for finding in found.findings),
            _table(found.columns, found.rows),
            f"![{found.picture.title}]({study.name}.png)",
            "## Why they differ",
            study.why,
            f"```\npython -m science {study.name}\n```\n",
        ]
    )


def write_index(studies: Sequence[Study], folder: Path) -> None:
    """A line for each study."""
    lines = [f"* [{study.title}]({study.name}.md): {study.paper}" for study in studies]
    head = "# Findings of papers, found again\n\n`make science` runs all of these and writes their pages.\n\n"
    _write(folder / INDEX, head + "\n".join(lines) + "\n")


def _line(finding: Finding) -> str:
    return f"* {'Holds' if finding.holds else '**Does not hold**'}: {finding.text}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---:"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _write(path: Path, text: str) -> None:
    with saving(path) as file:
        file.write(text.encode())
