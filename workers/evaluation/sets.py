"""The sets that `kaozheng eval` reads, by the name of their format."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from workers.evaluation import closed_sets, open_sets
from workers.evaluation.cases import BadSet, EvalSet

READERS: Mapping[str, Callable[[Path], EvalSet]] = MappingProxyType(
    {
        "xquad": closed_sets.xquad,
        "rgb": closed_sets.rgb,
        "crag": closed_sets.crag,
        "simpleqa": open_sets.simpleqa,
        "chinese-simpleqa": open_sets.chinese_simpleqa,
        "frames": open_sets.frames,
        "browsecomp-zh": open_sets.browsecomp_zh,
        "deep-research-bench": open_sets.deep_research_bench,
        "jsonl": open_sets.json_lines,
    }
)


def read_set(name: str, path: Path) -> EvalSet:
    """Raises BadSet: unknown name, unreadable file, wrong line, the same id twice, nothing in it."""
    if name not in READERS:
        raise BadSet(path, 0, "", f"there is no set {name!r}; there are {', '.join(READERS)}")
    found = READERS[name](path)
    if not found.cases:
        raise BadSet(path, 1, "", "the file holds no question")
    seen: dict[str, int] = {}
    cases = []
    for case in found.cases:  # RGB numbers some of its questions twice
        seen[case.id] = seen.get(case.id, 0) + 1
        cases.append(case if seen[case.id] == 1 else replace(case, id=f"{case.id}-{seen[case.id]}"))
    return replace(found, cases=tuple(cases))
