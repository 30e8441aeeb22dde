"""The pictures of a report, each as PNG and as SVG. matplotlib is an extra: without it there are none."""

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from workers.evaluation.figures import MEASURES, SHARES, Estimate, estimate
from workers.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WITHOUT = "no plots: matplotlib is missing; install kaozheng with the extra `plots` (pip install 'kaozheng[plots]')"
_DOTS_PER_INCH = 120


def can_plot() -> bool:
    return find_spec("matplotlib") is not None


def plots(records: Sequence[Record], folder: Path) -> tuple[str, ...]:
    """Writes the pictures; their names. Only where can_plot()."""
    pictures = {"measures": _measures(records), "seconds": _seconds(records)}
    return tuple(
        name for stem, figure in pictures.items() if figure is not None for name in _saved(figure, folder, stem)
    )


def _saved(figure: "Figure", folder: Path, stem: str) -> tuple[str, ...]:
    names = tuple(f"{stem}.{ending}" for ending in ("png", "svg"))
    for name in names:
        figure.savefig(folder / name, dpi=_DOTS_PER_INCH)
    return names


def _measures(records: Sequence[Record]) -> "Figure | None":
    """Every share with its interval."""
    found = {name: one for name in SHARES if (one := estimate(records, MEASURES[name])) is not None}
    if not found:
        return None
    figure = _figure(0.36 * len(found) + 1.2)
    axes = figure.add_subplot()
    places = range(len(found), 0, -1)
    axes.barh(places, [one.mean for one in found.values()], xerr=_errors(found.values()), color="#4472a8", capsize=3)
    axes.set_yticks(list(places), list(found))
    axes.set_xlim(0, 1)
    axes.set_xlabel("share, with its 95 % interval")
    return figure


def _errors(found: Collection[Estimate]) -> list[list[float]]:
    return [[one.mean - one.low for one in found], [one.high - one.mean for one in found]]


def _seconds(records: Sequence[Record]) -> "Figure | None":
    """The share of answers that were there after so many seconds."""
    times = sorted(one.seconds for one in records if not one.failure)
    if not times:
        return None
    figure = _figure(3.2)
    axes = figure.add_subplot()
    axes.step(times, [(at + 1) / len(times) for at in range(len(times))], where="post", color="#4472a8")
    axes.set_xlabel("seconds")
    axes.set_ylabel("share of answers")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    return figure


def _figure(inches: float) -> "Figure":
    from matplotlib.figure import Figure  # its own canvas: no window, no global state

    return Figure(figsize=(7.5, inches), layout="constrained")
