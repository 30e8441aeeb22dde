"""The queue against a model of it: whatever order things happen in, a row has one holder at most and one end at last.
And the machine that says so against the queue: it finds every fault that is planted in the queue's scripts.

`make queue-machine` tries 500 orders, with restarts of the server, and all faults; make test: 6, and those faults that
are found at once.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos_batch.parts import Store
from tests.workers.batch.queue_faults import FAULTS, SCRIPTS, Fault
from tests.workers.batch.queue_machine import Queue

FEW = 6
EXAMPLES = int(os.environ.get("KAOZHENG_QUEUE_EXAMPLES", FEW))
ENOUGH = 400
"""Orders in which any of the faults is found; most of them in the first ten."""
TRIED = FAULTS if EXAMPLES > FEW else [fault for fault in FAULTS if fault.soon]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    part = Store(tmp_path_factory.mktemp("machine"), sync="no")
    part.start()
    yield part
    part.kill()


def play(server: Store, fault: Fault | None, examples: int) -> None:
    """Raises what the machine found."""
    long = EXAMPLES > FEW
    here = type("Here", (Queue,), {"server": server, "fault": fault, "most_restarts": int(long and not fault)})
    run_state_machine_as_test(
        here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            derandomize=fault is not None,
            phases=[Phase.generate, Phase.shrink] if long and not fault else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_row_has_one_holder_at_most_and_one_end(server: Store) -> None:
    play(server, None, EXAMPLES)


@pytest.mark.parametrize("fault", TRIED, ids=lambda fault: fault.name)
def test_the_machine_finds_a_fault_that_is_planted(server: Store, fault: Fault) -> None:
    with pytest.raises(AssertionError):
        play(server, fault, ENOUGH)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_changes_a_script(fault: Fault) -> None:
    assert any(fault.planted(script) != script for script in SCRIPTS)
