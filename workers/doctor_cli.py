"""`kaozheng doctor` and `kaozheng profile`: what the terminal shows of them."""

import asyncio
import json
import shlex
import sys
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.profile import Profile
from agent.profile_files import ProfileRefused, known_profiles, profile_of
from agent.templates import SHELF
from workers.doctor import Finding, examine, failed
from workers.doctor_build import open_doctor
from workers.settings import load_settings
from workers.terminal import safe, say

ALL_WORKS, SOMETHING_FAILS, BAD_INPUT = 0, 1, 2
_SIGNS = {"works": ("ok", "green"), "warning": ("!!", "yellow"), "fails": ("XX", "red"), "skipped": ("--", "dim")}


@dataclass(frozen=True, slots=True)
class Options:
    """url: of a model server, instead of the setting; page: read as a trial, "" for none; seconds: for everything."""

    url: str = ""
    page: str = ""
    seconds: float = 300.0
    as_json: bool = False
    config: Path | None = None


def run(options: Options) -> int:
    """0 when nothing fails, 1 when something does. Raises SettingsError."""
    given: dict[str, Any] = {"model_url": options.url} if options.url else {}
    settings = load_settings(options.config, **given)

    async def work() -> list[Finding]:
        found = []
        async with (
            open_doctor(settings, options.page) as probes,
            aclosing(examine(probes, options.seconds)) as findings,
        ):
            async for finding in findings:
                found.append(finding)
                if not options.as_json:
                    show_finding(finding)
        return found

    findings = asyncio.run(work())
    if options.as_json:
        print(json.dumps({"ok": not failed(findings), "findings": [asdict(f) for f in findings]}, ensure_ascii=False))
    else:
        sum_up(findings)
    return SOMETHING_FAILS if failed(findings) else ALL_WORKS


def show_finding(finding: Finding) -> None:
    from rich.console import Console
    from rich.text import Text

    sign, colour = _SIGNS[finding.verdict]
    line = Text.assemble((f"{sign} ", f"bold {colour}"), f"{finding.part:<19} {safe(finding.said)}")
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    console.print(line)
    if finding.remedy:
        console.print(
            Text(f"   {'':<19} -> {safe(finding.remedy)}", style="bold" if finding.verdict == "fails" else "")
        )


def sum_up(findings: list[Finding]) -> None:
    counts = {verdict: sum(f.verdict == verdict for f in findings) for verdict in _SIGNS}
    said = (
        f"{counts['works']} work, {counts['warning']} to look at, {counts['fails']} fail, {counts['skipped']} skipped"
    )
    print(said, flush=True)


def list_profiles() -> int:
    for profile in known_profiles():
        print(f"{profile.name:<26} {profile.title}: {profile.verified or 'unverified here'}")
    return ALL_WORKS


def show_launch(name: str, templates: str) -> int:
    """Prints the command that starts the server of a profile. The key stays in the environment."""
    try:
        profile = profile_of(name)
    except ProfileRefused as error:
        say(f"kaozheng: {error}")
        return BAD_INPUT
    if not profile.launch.command:
        say(f"kaozheng: {profile.title} is not started by you: set KAOZHENG_MODEL_URL (and KAOZHENG_MODEL_KEY)")
        return BAD_INPUT
    print(launch_line(profile, templates or str(SHELF / "house")))
    return ALL_WORKS


def launch_line(profile: Profile, templates: str) -> str:
    """A line for a shell, with what the operator fills in as variables of the environment."""
    words = []
    for word in profile.launch.command:
        filled = word.replace("{templates}", templates)
        quoted = shlex.quote(filled.replace("{key}", "").replace("{models}", ""))
        words.append('"$KAOZHENG_MODEL_KEY"' if word == "{key}" else quoted)
        if "{models}" in word:
            words[-1] = '"$MODELS_DIR"' + shlex.quote(word.partition("{models}")[2])
    return " ".join([*profile.launch.environment, *words])
