"""The dashboard shows metrics that exist, by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers.metrics import Metrics

DASHBOARD = json.loads((Path(__file__).parents[1] / "docker" / "grafana" / "kaozheng.json").read_text())
_NAME = re.compile(r"\bkaozheng_[a-z_]+")
_BY = re.compile(r"by \(([a-z_, ]+)\) \(rate\((kaozheng_[a-z_]+)")


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (each["query"] for each in DASHBOARD["templating"]["list"])


def known() -> dict[str, tuple[str, ...]]:
    """Every name that /metrics has, and its labels."""
    names: dict[str, tuple[str, ...]] = {}
    for metric in Metrics().all():
        family = next(iter(metric.describe()))
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        labels = (*metric._labelnames, *(("le",) if family.type == "histogram" else ()))
        names |= {family.name + end: labels for end in ends}
    return names


def test_every_metric_that_the_dashboard_names_exists() -> None:
    named = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert len(named) >= 15
    assert named - known().keys() == set()


def test_what_is_summed_by_a_label_has_that_label() -> None:
    pairs = [
        (label.strip(), name)
        for each in expressions()
        for labels, name in _BY.findall(each)
        for label in labels.split(",")
    ]
    assert pairs
    assert [(label, name) for label, name in pairs if label not in known()[name]] == []


def test_panels_lie_beside_each_other_and_have_names_of_their_own() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    for values in (places, [panel["id"] for panel in panels], [panel["title"] for panel in panels]):
        assert len(set(values)) == len(values)
