"""docs/how-to-choose.md: what follows from the studies for who has to choose, with the evidence beside each line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from science.study import Advice, Finding, Study
from science.writing import table, write_text

FINDINGS, CHOOSING = "findings.json", "how-to-choose.md"
HEAD = """# How to choose

`Hogwild()` is the default on one machine, and `LocalSGD()` on a cluster. The best evidence for anything else comes from
your own data: `hogwild compare FILE --strategies ...` [runs strategies under one budget](compare.md), and `hogwild
simulate FILE --cluster ...` [says what a cluster would do](simulate.md) that you have not rented yet. What each
strategy is, and what it sends: [strategies](strategies.md).

The table says what to try first. Each line follows from a finding of [the studies](science/README.md), which stands
beside it with the numbers of its runs; `make science` runs them again and writes this page."""


def remember(study: Study, findings: Sequence[Finding], folder: Path) -> None:
    """Write the findings of a study down, beside those of the others."""
    path = folder / FINDINGS
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    write_text(path, json.dumps({**known, study.name: [_as_json(each) for each in findings]}, indent=1) + "\n")


def recall(folder: Path) -> dict[str, list[Finding]]:
    """What was written down, by study."""
    known = json.loads((folder / FINDINGS).read_text("utf-8"))
    return {
        name: [Finding(each["text"], each["holds"], each["advice"] and Advice(**each["advice"])) for each in findings]
        for name, findings in known.items()
    }


def choosing(studies: Sequence[Study], findings: Mapping[str, Sequence[Finding]]) -> str:
    """The page. What does not hold is no evidence."""
    rows = [
        (each.advice.where, each.advice.take, f"{each.text} ([{study.title}](science/{study.name}.md))")
        for study in studies
        for each in findings.get(study.name, ())
        if each.advice is not None and each.holds
    ]
    return f"{HEAD}\n\n{table(('where', 'take', 'evidence'), rows, '---')}\n"


def _as_json(finding: Finding) -> dict[str, object]:
    advice = finding.advice
    return {"text": finding.text, "holds": finding.holds, "advice": advice and advice._asdict()}
