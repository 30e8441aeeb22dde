"""Structured logs on standard error. Fields are named one by one; question text is logged only if an operator asks."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

FIELDS = frozenset(
    "event level timestamp exception request_id answer_id code detail reason status seconds count".split()
)
"""What may stand in a line. Anything else that somebody logs is left out, until it is named here."""


def allowed(_: object, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line with its named fields only; `left_out` names the others, without their values."""
    others = sorted(name for name in fields if name not in FIELDS)
    named: MutableMapping[str, Any] = {name: value for name, value in fields.items() if name in FIELDS}
    return {**named, "left_out": others} if others else named


def set_up_logs(level: str, form: str) -> None:
    """level: debug, info, warning, error; form: console or json. Libraries speak from warnings on."""
    number = getattr(logging, level.upper())
    logging.basicConfig(
        level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    as_text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer = as_json if form == "json" else as_text
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
