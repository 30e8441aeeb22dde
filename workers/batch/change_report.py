"""What has changed between two runs of the same questions, as Markdown for people: claims with old and new quotes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workers.batch.claims import Change, Claim, Told, changes
from workers.batch.reports import escaped, is_web, markdown_address, one_line

_TITLES = {"new": "New", "changed": "Changed", "vanished": "Vanished"}


@dataclass(frozen=True, slots=True)
class Compared:
    """One question. said: what there is to say beside its claims (no answer now, none before, asked for the first
    time), "" for nothing."""

    question: str
    changes: tuple[Change, ...]
    said: str = ""


def compared(old: Mapping[str, Told], new: Mapping[str, Told]) -> list[Compared]:
    """Every question of the new run in its order, then those that are asked no more."""
    found = [_compared(old.get(custom_id), told) for custom_id, told in new.items()]
    gone = [Compared(told.question, (), "is asked no more") for custom_id, told in old.items() if custom_id not in new]
    return found + gone


def _compared(old: Told | None, new: Told) -> Compared:
    if old is None:
        return Compared(
            new.question, tuple(Change("new", None, claim) for claim in new.claims), "is asked for the first time"
        )
    if new.failed:
        return Compared(new.question, (), f"has no answer this time: {new.failed}")
    if old.failed:
        return Compared(new.question, tuple(Change("new", None, claim) for claim in new.claims), "had no answer before")
    return Compared(new.question, tuple(changes(old.claims, new.claims)))


def counts(found: list[Compared]) -> dict[str, int]:
    kinds = [change.kind for each in found for change in each.changes]
    return {kind: kinds.count(kind) for kind in _TITLES}  # type: ignore[arg-type]


def summary(found: list[Compared]) -> str:
    """One line."""
    touched = sum(bool(each.changes or each.said) for each in found)
    if not touched:
        return f"nothing has changed in {len(found):,} questions"
    told = ", ".join(f"{count:,} {kind}" for kind, count in counts(found).items())
    return f"{told} claims, in {touched:,} of {len(found):,} questions"


def change_report(found: list[Compared], title: str, runs: tuple[str, str]) -> Iterator[str]:
    """runs: names of the old one and of the new one."""
    yield f"# {escaped(title)}: what has changed\n\n{runs[0]} → {runs[1]}: {summary(found)}\n"
    for place, each in enumerate(found, 1):
        if not (each.changes or each.said):
            continue
        yield f"\n## {place}. {escaped(one_line(each.question, 1_000))}\n"
        if each.said:
            yield f"*This question {escaped(one_line(each.said, 1_000))}.*\n"
        for change in each.changes:
            yield from _change(change)


def _change(change: Change) -> Iterator[str]:
    yield f"- **{_TITLES[change.kind]}**"
    for name, claim in (("old", change.old), ("new", change.new)):
        if claim is not None:
            yield from _claim(name, claim)


def _claim(name: str, claim: Claim) -> Iterator[str]:
    yield f"  - {name}: {escaped(one_line(claim.text, 2_000))}"
    for quote, url in claim.quotes:
        place = f" ([source]({markdown_address(url)}))" if is_web(url) else f" ({escaped(url)})" if url else ""
        yield f"    > {escaped(one_line(quote, 2_000))}{place}"
