"""All queries of a plan at once, and from their results the pages worth opening."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from langgraph.runtime import Runtime

from agent.answer import Asked, Skipped
from agent.events import PageSkipped, Searched, SearchFailed
from agent.nodes.deps import Run
from agent.nodes.state import Found, Plan, Planned, PlannedSearch, Round
from tools.address import canonical
from tools.engines import wanted as within_domains
from tools.errors import SearchDown
from tools.search import SearchQuery, SearchResult

_Outcome = tuple[PlannedSearch, tuple[SearchResult, ...] | SearchDown]


async def search(state: Planned, runtime: Runtime[Run]) -> Found:
    """Every query ends as a list of results or as a typed failure; a failed search says so."""
    run, plan = runtime.context, state["plan"]
    outcomes = await asyncio.gather(*(_ask(wanted, runtime) for wanted in plan.searches))
    asked = tuple(_record(wanted, outcome) for wanted, outcome in outcomes)
    results = tuple((w.call or w.query, o) for w, o in outcomes if not isinstance(o, SearchDown))
    failures = tuple((w.call, f"This search failed: {o.reason}.") for w, o in outcomes if isinstance(o, SearchDown))
    opened, refused = _known_only(plan, run)
    for skipped in refused:
        runtime.stream_writer(PageSkipped(skipped.url, skipped.reason, skipped.detail))
    run.known_urls.update(canonical(result.url) for _, found in results for result in found)
    past = Round(plan, results, failures + _refusals(plan, refused))
    return {
        **state,
        "rounds": (*state["rounds"], past),
        "asked": state["asked"] + asked,
        "skipped": state["skipped"] + refused,
        "wanted": _wanted(state, run, opened, [found for _, found in results]),
    }


async def _ask(wanted: PlannedSearch, runtime: Runtime[Run]) -> _Outcome:
    run, started = runtime.context, time.monotonic()
    filters = run.question.filters
    query = SearchQuery(
        wanted.query,
        run.question.language,
        run.deps.limits.results_per_query,
        wanted.recency or filters.recency,
        filters.include_domains,
        filters.exclude_domains,
        filters.engines,
        filters.after,
        filters.before,
    )
    try:
        async with run.until(min(run.deps.limits.search_seconds, run.seconds_for_sources)):
            found = tuple(await run.deps.search(query))
    except SearchDown as down:
        runtime.stream_writer(SearchFailed(wanted.query, down.reason, down.detail))
        return wanted, down
    except TimeoutError:
        late = SearchDown("search", "timeout", "no engine answered in time")
        runtime.stream_writer(SearchFailed(wanted.query, late.reason, late.detail))
        return wanted, late
    kept = tuple(
        each for each in found if within_domains(each.url, query) and filters.keeps(each.date)
    )  # an engine may ignore them
    engine = kept[0].engine if kept else ""
    seconds, urls = round(time.monotonic() - started, 3), tuple(result.url for result in kept)
    runtime.stream_writer(Searched(wanted.query, engine, len(kept), seconds, urls))
    return wanted, kept


def _record(wanted: PlannedSearch, outcome: tuple[SearchResult, ...] | SearchDown) -> Asked:
    if isinstance(outcome, SearchDown):
        return Asked(wanted.query, 0, "", outcome.reason, outcome.detail)
    urls = tuple(result.url for result in outcome)
    return Asked(wanted.query, len(outcome), outcome[0].engine if outcome else "", urls=urls)


def _known_only(plan: Plan, run: Run) -> tuple[list[str], tuple[Skipped, ...]]:
    """The pages that the planner may open: those that the user named or that a result of this run named.

    Checked before any look-up: the look-up of `secret.evil.example` already tells the secret (policy 4.1, rule 9).
    """
    opened, refused = [], []
    for page in plan.pages:
        if canonical(page.url) in run.known_urls:
            opened.append(page.url)
        else:
            refused.append(Skipped(page.url, "unknown_origin", "the address stands in no result of this question"))
    return opened, tuple(refused)


def _refusals(plan: Plan, refused: Sequence[Skipped]) -> tuple[tuple[str, str], ...]:
    urls = {skipped.url for skipped in refused}
    return tuple(
        (page.call, "Refused: only addresses from the user or from results may be opened.")
        for page in plan.pages
        if page.url in urls
    )


def _wanted(
    state: Planned, run: Run, opened: Sequence[str], results: Sequence[Sequence[SearchResult]]
) -> tuple[str, ...]:
    """New addresses, best first: opened pages, then each query's results in turn; a page under two addresses once."""
    seen = {canonical(url) for url in (*state["read"], *(skipped.url for skipped in state["skipped"]))}
    wanted: list[str] = []
    for url in chain(opened, _in_turn(results)):
        if canonical(url) not in seen:
            seen.add(canonical(url))
            wanted.append(url)
    return tuple(wanted[: _share(state, run)])


def _in_turn(results: Sequence[Sequence[SearchResult]]) -> Iterable[str]:
    for row in zip_longest(*results):
        yield from (result.url for result in row if result is not None)


def _share(state: Planned, run: Run) -> int:
    """How many pages this round may read: an even share of what is left, so that later rounds can still read some."""
    left = run.limits.pages - len(state["read"])
    rounds_left = max(1, run.limits.rounds - len(state["rounds"]))
    return max(0, min(left, max(4, -(-left // rounds_left))))
