"""One running service for all contracts of a test process."""

from collections.abc import Iterator

import pytest

from tests.contracts.service import Running, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("contracts")) as started:
        yield started
