"""Plants faults into 300 answers and counts how many the judge catches: python -m tests.evals.support.faults [FILE...]

Without a file the answers are made of gate.jsonl: a supported claim and its citation each, among eight pages. Each kind
(numbers, units, names, citations, negations, distortions, invented sources) changes its share of them; as many stay as
they are. Caught: the answer is not `supported` throughout. False alarm: an untouched answer that is `unsupported` or
`contradicted`; `partial` ones are counted beside them, and both apart for sentences of the page itself and for people's
and models' own words about it (CiteCheck).
"""

import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.support import supports_of
from tests.evals.support import mutations
from tests.evals.support.build_gate import GATE
from tests.evals.support.rows import Row, rows
from tools.page import Webpage

ANSWERS = 300
KINDS = ("numbers", "units", "names", "citations", "negations", "distortions", "invented sources")
_PAGES = 8
_NAME = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*")
_ANSWER = re.compile(r"[?？]\s*([^?？]+)$")


@dataclass(frozen=True, slots=True)
class Planted:
    """An answer of one claim with its citation. kind: "untouched" or what was changed."""

    kind: str
    text: str
    pages: tuple[Webpage, ...]
    verbatim: bool


def planted(found: Sequence[Row], draw: random.Random) -> Iterator[Planted]:
    """An endless stream of faulty answers, the kinds in turn, each with its untouched twin behind it."""
    names = {language: _names(found, language) for language in ("zh", "en")}
    good = [row for row in found if row.supported and not re.search(r"[?？]\s", row.claim)]
    while True:
        for kind in KINDS:
            for row in draw.sample(good, len(good)):
                if made := _made(kind, row, found, names[row.language], draw):
                    yield made
                    yield Planted("untouched", *_placed(row, row.claim, found, draw), row.claim in row.source)
                    break


def _made(kind: str, row: Row, found: Sequence[Row], names: Sequence[str], draw: random.Random) -> Planted | None:
    changed: str | None = row.claim
    if kind == "names":
        changed = mutations.name(row.claim, names, draw)
    elif kind in _IN_SENTENCE:
        changed = _IN_SENTENCE[kind](row.claim, draw)
    if changed is None or (changed == row.claim and kind in (*_IN_SENTENCE, "names")) or changed in row.source:
        return None
    text, pages = _placed(row, changed, found, draw)
    own = int(re.findall(r"citation:(\d+)", text)[-1])
    if kind == "citations":
        text = text.replace(
            f"[citation:{own}]", f"[citation:{draw.choice([n for n in range(1, _PAGES + 1) if n != own])}]"
        )
    elif kind == "invented sources":
        text = text.replace(f"[citation:{own}]", f"[citation:{draw.randint(_PAGES + 1, 60)}]")
    return Planted(kind, text, pages, verbatim=False)


_IN_SENTENCE: dict[str, mutations.Mutation] = {
    "numbers": mutations.number,
    "units": mutations.unit,
    "negations": mutations.negation,
    "distortions": mutations.distortion,
}


def _placed(row: Row, claim: str, found: Sequence[Row], draw: random.Random) -> tuple[str, tuple[Webpage, ...]]:
    others = list(dict.fromkeys(one.source for one in draw.sample(found, 40) if one.source != row.source))[: _PAGES - 1]
    at = draw.randint(0, len(others))
    sources = [*others[:at], row.source, *others[at:]]
    end = re.search(r"[.。!！]?\s*$", claim)
    assert end
    text = f"{claim[: end.start()]}[citation:{at + 1}]{end[0].strip() or '.'}"
    return text, tuple(Webpage(f"https://page.example/{n}", "", source) for n, source in enumerate(sources, 1))


def _names(found: Sequence[Row], language: str) -> list[str]:
    """Short answers to questions of the set, and capitalised words inside English sentences."""
    rows_here = [row for row in found if row.language == language]
    answers = {m[1].strip(" .。") for row in rows_here if (m := _ANSWER.search(row.claim))}
    named = {name for row in rows_here for name in _NAME.findall(row.source)} if language == "en" else set()
    return sorted(name for name in answers | named if _fit(name))


def _fit(name: str) -> bool:
    """A name and no phrase, date or number."""
    return len(name.split()) <= 3 and not re.search(r"\d", name) and name[:1] == name[:1].upper() and 1 < len(name) < 25


@dataclass(slots=True)
class Tally:
    """answers of one kind: alarms are unsupported or contradicted ones (or without any verdict), partial the others
    that are not wholly supported."""

    alarms: int = 0
    partial: int = 0
    answers: int = 0

    def add(self, verdicts: Sequence[str]) -> None:
        alarming = not verdicts or any(verdict not in ("supported", "partial") for verdict in verdicts)
        self.alarms += alarming
        self.partial += not alarming and "partial" in verdicts
        self.answers += 1

    @property
    def caught(self) -> int:
        return self.alarms + self.partial


def rates(found: Sequence[Row], answers: int, seed: int = 11) -> dict[str, Tally]:
    """By kind; the untouched ones as `untouched` (sentences of the page itself) and `untouched, reworded`."""
    counted: dict[str, Tally] = {}
    faulty = 0
    for one in planted(found, random.Random(seed)):
        kind = one.kind if one.kind != "untouched" or one.verbatim else "untouched, reworded"
        verdicts = [support.verdict for support in supports_of(one.text, one.pages)]
        counted.setdefault(kind, Tally()).add(verdicts)
        faulty += one.kind != "untouched"
        if faulty >= answers and one.kind == "untouched":
            break
    return counted


def _share(count: int, tally: Tally) -> str:
    return f"{count:3} of {tally.answers:3}  {100 * count / max(tally.answers, 1):5.1f} %"


def main(paths: Sequence[str]) -> int:
    found = [row for path in (paths or [str(GATE)]) for row in rows(Path(path))]
    counted = rates(found, ANSWERS)
    for kind, tally in sorted(counted.items(), key=lambda one: one[0].startswith("untouched")):
        if kind.startswith("untouched"):
            shares = f"alarms {_share(tally.alarms, tally)}  partial {_share(tally.partial, tally)}"
        else:
            shares = f"caught {_share(tally.caught, tally)}"
        print(f"{kind:20} {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
