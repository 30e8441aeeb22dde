"""OpenAI's clients, unmodified, against the running service: the installed one, and others by `make contracts`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.openai_client import LAWS
from tests.contracts.service import KEY, Running

SCRIPT = Path(__file__).with_name("openai_client.py")
pytestmark = pytest.mark.xdist_group("contracts")


def test_every_law_holds_for_the_real_client(service: Running) -> None:
    """CONTRACT_PYTHON: an interpreter with another version of the client."""
    python = os.environ.get("CONTRACT_PYTHON", sys.executable)
    asked = subprocess.run([python, SCRIPT, service.url, KEY], capture_output=True, text=True, timeout=100, check=False)
    print(asked.stdout)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert asked.stdout.count(": holds") == len(LAWS)
