"""Studies as pages of docs/science/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hogwild.data.atomic import saving
from hogwild.pages import plot
from science.study import Exhibit, Finding, Found, Study

INDEX = "README.md"


def write(study: Study, found: Found, folder: Path) -> None:
    """NAME.md, and its pictures."""
    for exhibit in found.exhibits:
        plot(exhibit.picture, folder / picture_name(study, exhibit))
    write_text(folder / f"{study.name}.md", page(study, found))


def picture_name(study: Study, exhibit: Exhibit) -> str:
    """The file of a picture, beside the page."""
    return f"{study.name}-{exhibit.picture.key}.png"


def page(study: Study, found: Found) -> str:
    """The page; all its numbers are of these runs."""
    return "\n\n".join(
        [
            f"# {study.title}",
            study.paper,
            "## What the paper found",
            study.found_there,
            "## What we find",
            f"{study.ours} {found.data}".strip(),
            "\n".join(_line(finding) for finding in found.findings),
            *(_exhibit(study, exhibit) for exhibit in found.exhibits),
            "## Why they differ",
            study.why,
            f"```\npython -m science {study.name}\n```\n",
        ]
    )


def write_index(studies: Sequence[Study], folder: Path) -> None:
    """A line for each study."""
    lines = [f"* [{study.title}]({study.name}.md): {study.paper}" for study in studies]
    head = (
        "# Findings of papers, found again\n\n`make science` runs all of these and writes their pages, and [how to "
        'choose](../how-to-choose.md) from what they show. "Holds" is said of the sentence after it, with the '
        "numbers of these runs; where that is not what the paper says, the page tells why.\n\n"
    )
    write_text(folder / INDEX, head + "\n".join(lines) + "\n")


def write_text(path: Path, text: str) -> None:
    """The whole file, or nothing."""
    with saving(path) as file:
        file.write(text.encode())


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], rule: str = "---:") -> str:
    """In Markdown. rule: "---:" for numbers, "---" for words."""
    lines = [columns, [rule] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(finding: Finding) -> str:
    return f"* {'Holds' if finding.holds else '**Does not hold**'}: {finding.text}"


def _exhibit(study: Study, exhibit: Exhibit) -> str:
    title = exhibit.picture.title
    return "\n\n".join(
        [f"### {title}", table(exhibit.columns, exhibit.rows), f"![{title}]({picture_name(study, exhibit)})"]
    )
