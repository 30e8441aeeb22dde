"""What the scripted model says: the reply of the row that the question names (`case:NAME`, `talk:NAME`).

Runs inside SGLang, in its environment.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

# The tables stand beside this file; SGLang's environment does not know the project.
from cases import CASES
from checked import checked
from talks import TALKS

ASKED_FOR_JSON = "write your plan as one JSON object"  # templates/house/plan_json_en.txt


def respond(prompt: str) -> str:
    """prompt: the whole rendered text, special tokens included. Returns R1's raw output."""
    if "This is a check by kaozheng doctor" in prompt:
        return checked(prompt)
    named = re.findall(r"\b(case|talk):([a-z0-9-]+)", prompt)
    kind, name = named[-1] if named else ("", "")
    row = CASES.get(name) if kind == "case" else TALKS.get(name)
    if row is None:
        return "<think>\nNothing is named.\n</think>\n\nI do not know."
    if ASKED_FOR_JSON in prompt and kind == "case":
        return f"<think>\nAs JSON, then.\n</think>{row.plan}"  # the server's grammar begins here, and allows no line
    return row.says(prompt) if callable(row.says) else row.says
