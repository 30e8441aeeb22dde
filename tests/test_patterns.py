"""No pattern of ours can be made to run for long: time grows with the length of a hostile text and no faster."""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import agent
import tools
import workers

PROBES = ("a", "[", "<", " ", "\n", "1", "。", "a ", "<a ", "1.", "a1", "-", "=", "/")
SHORT, LONG = 1_200, 12_000
NOISE_SECONDS = 0.1
"""Below this nothing is said about growth: a busy machine adds as much."""


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """All compiled patterns that modules hold, also within tuples and dictionaries."""
    for package in (tools, agent, workers):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith("__main__"):
                continue
            held = vars(importlib.import_module(found.name))
            for name, value in held.items():
                many = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
                yield from ((f"{found.name}.{name}", one) for one in many if isinstance(one, re.Pattern))


PATTERNS = {(name, pattern.pattern): (name, pattern) for name, pattern in patterns()}.values()


def is_anchored(name: str) -> bool:
    """True for a pattern that its module only tries at one place of a text, never at each."""
    module, _, variable = name.rpartition(".")
    source = inspect.getsource(importlib.import_module(module))
    used = set(re.findall(rf"\b{variable}\.(\w+)", source))
    return bool(used) and used <= {"match", "fullmatch"}


def seconds(pattern: re.Pattern[str] | re.Pattern[bytes], text: str, anchored: bool) -> float:
    """Of the processor, for all matches in the text, or for the one at its beginning."""
    start = time.process_time()
    subject = text.encode() if isinstance(pattern.pattern, bytes) else text
    if anchored:
        pattern.match(subject)  # type: ignore[arg-type]
    else:
        for _ in pattern.finditer(subject):  # type: ignore[arg-type]
            continue
    return time.process_time() - start


@pytest.mark.parametrize("name", sorted({name for name, _ in PATTERNS}))
def test_a_pattern_takes_time_in_proportion_to_the_text(name: str) -> None:
    anchored = is_anchored(name)
    for pattern in (pattern for named, pattern in PATTERNS if named == name):
        for probe in PROBES:
            short, long = (probe * (length // len(probe)) + "\x01" for length in (SHORT, LONG))
            taken = seconds(pattern, long, anchored)
            grown = 30 * seconds(pattern, short, anchored)
            assert taken < NOISE_SECONDS or taken < grown, (pattern.pattern[:80], probe)


def test_the_patterns_of_the_house_are_found() -> None:
    assert len(PATTERNS) > 100
