"""What the real SGLang sent for each row, kept for the tests that run without it.

One JSON object a line: the row, how it was asked, SGLang's version, the raw HTTP responses in their order and the
sha256 of all their bytes.
"""

import fcntl
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).parents[1] / "samples" / "sglang-0.5.23" / "planner.jsonl"
FAULTS = FILE.with_name("faults.jsonl")
SGLANG = "0.5.23"


@dataclass(frozen=True)
class Sample:
    case: str
    streamed: bool
    interval: int
    sglang: str
    sha256: str
    responses: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.case}-{self.interval if self.streamed else 'whole'}"

    @property
    def whole(self) -> bool:
        """Whether the bytes are those that were recorded."""
        return hashlib.sha256("".join(self.responses).encode()).hexdigest() == self.sha256


def write(samples: list[Sample], file: Path = FILE) -> None:
    """Those that were recorded anew in the place of the old ones; the others stay."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock.tmp").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        merged = {sample.name: sample for sample in (*read(file), *samples)}
        lines = (json.dumps(asdict(merged[name]), ensure_ascii=False) for name in sorted(merged))
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read(file: Path = FILE) -> list[Sample]:
    if not file.is_file():
        return []
    rows = (json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line)
    return [Sample(**{**row, "responses": tuple(row["responses"])}) for row in rows]
