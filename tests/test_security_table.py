"""What docs/security.md says of the hostile cases is there to be run."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (H\d\d) \|.*`(tests/[\w/]+\.py)::(test_\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/security.md").read_text(encoding="utf-8"))


def test_each_of_the_42_cases_has_its_row() -> None:
    assert [case for case, _, _ in ROWS] == [f"H{number:02}" for number in range(1, 43)]


def test_each_row_names_a_test_that_exists() -> None:
    missing = [row for row in ROWS if not re.search(rf"def {row[2]}\(", (ROOT / row[1]).read_text(encoding="utf-8"))]

    assert missing == []
