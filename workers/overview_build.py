"""Puts the operator's overview together: the service's own parts, and the doctor with its settings."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from workers.build import program_version
from workers.doctor import Finding, examine
from workers.doctor_build import open_doctor
from workers.overview import Overview
from workers.service import Service
from workers.settings import Settings
from workers.store import Store

TRIAL_PAGE = "https://example.com/"
DOCTOR_SECONDS = 300.0


def open_overview(service: Service, settings: Settings, store: Store) -> Overview:
    """service: with a queue and quotas."""
    assert service.jobs is not None
    assert service.quotas is not None

    async def examined() -> AsyncGenerator[Finding, None]:
        async with open_doctor(settings, TRIAL_PAGE) as probes, aclosing(examine(probes, DOCTOR_SECONDS)) as findings:
            async for finding in findings:
                yield finding

    return Overview(program_version(), store, service.jobs, service.quotas, service.keys, service.metrics, examined)
