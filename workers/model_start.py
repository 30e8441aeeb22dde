"""What the start looks at in the model server: cheap, bounded, and said in one line each with its remedy."""

from contextlib import aclosing

from workers.build import Notice, model_config
from workers.doctor import Finding, examine
from workers.doctor_build import model_probes
from workers.doctor_model import Patient
from workers.settings import Settings

CHEAP = ("reachable", "key", "model", "context", "tool template")
"""The last one costs two requests of one token each."""
START_SECONDS = 8.0


async def check_at_start(settings: Settings, notice: Notice) -> tuple[Finding, ...]:
    """What does not work of the cheap part, each said in one line; the service starts in any case.

    That the server is out of reach has been said by whoever opened it.
    """
    if not settings.model_url:
        return ()
    patient = Patient.at(settings, model_config(settings))
    probes = [probe for probe in model_probes(patient) if probe.part in CHEAP]
    try:
        async with aclosing(examine(probes, START_SECONDS)) as findings:
            ill = [found async for found in findings if found.verdict in ("fails", "warning")]
    finally:
        await patient.aclose()
    if any(found.part == "reachable" for found in ill):
        return ()
    for found in ill:
        notice(f"model server: {found.part}: {found.said}; {found.remedy or 'see kaozheng doctor'}")
    return tuple(found for found in ill if found.verdict == "fails")
