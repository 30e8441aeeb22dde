"""`kaozheng export`: proven answers as training examples."""

from pathlib import Path

from workers.evaluation.cases import BadSet
from workers.export import Exported, Wanted, export_swift
from workers.export_answers import read_answers
from workers.terminal import say

BAD_INPUT = 2


def export(path: Path, out: Path, wanted: Wanted) -> int:
    """Writes the file whole or not at all; says how many answers were left out, and why. The exit code."""
    try:
        exported = export_swift(read_answers(path), wanted)
    except BadSet as bad:
        say(f"kaozheng: {bad}")
        return BAD_INPUT
    try:
        _write(out, exported)
    except OSError as error:
        say(f"kaozheng: {out}: {error.strerror}")
        return BAD_INPUT
    print(f"{len(exported.lines):,} examples in {out}")
    for reason, count in exported.left_out.items():
        print(f"left out {count:,}: {reason}")
    return 0


def _write(out: Path, exported: Exported) -> None:
    part = out.with_name(f"{out.name}.part")
    part.write_text("".join(f"{line}\n" for line in exported.lines), encoding="utf-8", errors="backslashreplace")
    part.replace(out)
