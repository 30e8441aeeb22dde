"""Structured logs on standard error. Fields are named one by one; nobody's text is logged unless an operator asks.

What libraries log comes in the same lines, without the addresses' users, passwords and queries. The message of an
unexpected exception may hold a question or a page, so a line has its kind and its places in the code.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

from workers.terminal import safe

FIELDS = frozenset(
    "event level timestamp exception logger request_id traceparent answer_id batch code detail reason status seconds "
    "count".split()
)
"""What may stand in a line. Anything else that somebody logs is left out, until it is named here."""
TEXTS = frozenset({"question"})
"""What people have written: only where the operator wants it."""
MAX_DETAIL_CHARACTERS = 1_000
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]{1,15}://)([^\s/?#@'\"]*@)?([^\s?#'\"]*)([?#][^\s'\"]*)?", re.IGNORECASE)
Fields = MutableMapping[str, Any]
_Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def allowed(_: object, __: str, fields: Fields) -> Fields:
    """The line with its named fields only; `left_out` names the others, without their values."""
    return _with_named(fields, FIELDS)


def allowed_with_texts(_: object, __: str, fields: Fields) -> Fields:
    """The same, and what people have written."""
    return _with_named(fields, FIELDS | TEXTS)


def _with_named(fields: Fields, names: frozenset[str]) -> Fields:
    others = sorted(name for name in fields if name not in names | TEXTS)
    named: Fields = {name: _shown(value) for name, value in fields.items() if name in names}
    return {**named, "left_out": others} if others else named


def _shown(value: Any) -> Any:
    """Text without what moves a terminal's cursor, and without what lets somebody in."""
    return safe(without_credentials(value)) if isinstance(value, str) else value


def without_credentials(text: str) -> str:
    """Addresses in it lose user, password and query."""
    return _ADDRESS.sub(r"\1\3", text)


def without_messages(raised: _Raised) -> str:
    """A traceback that says where and what kind, for each exception of the chain, and repeats no message."""
    lines: list[str] = []
    error: BaseException | None = raised[1]
    while error is not None and len(lines) < 200:
        lines += [f"{type(error).__module__}.{type(error).__qualname__}", *_places(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    kinds = [f"  of {type(each).__qualname__}" for each in inner]
    return [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames] + kinds


def with_messages(raised: _Raised) -> str:
    return "".join(traceback.format_exception(*raised))


def _rendered(form: str, to: TextIO) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=to.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _named(written: Callable[[_Raised], str]) -> Callable[[object, str, Fields], Fields]:
    def render(_: object, __: str, fields: Fields) -> Fields:
        given = fields.pop("exc_info", None)
        raised = sys.exc_info() if given is True else given
        error = raised[1] if isinstance(raised, tuple) else raised
        if not isinstance(error, BaseException):
            return fields
        return {**fields, "exception": written((type(error), error, error.__traceback__))}

    return render


def _of_library(_: object, __: str, fields: Fields) -> Fields:
    """A library's own words, as the detail of a line: the first of them, for what follows repeats values."""
    said = str(fields.get("event", "")).partition("\n")[0][:MAX_DETAIL_CHARACTERS]
    return {**fields, "event": "library", "detail": said}


def set_up_logs(level: str, form: str, *, texts: bool = False) -> None:
    """level: debug, info, warning, error; form: console or json; texts: also questions, and the messages of unexpected
    exceptions. Libraries speak from warnings on."""
    number = getattr(logging, level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(with_messages if texts else without_messages),
    ]
    last: list[Any] = [allowed_with_texts if texts else allowed, _rendered(form, sys.stderr)]
    named = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.add_logger_name, _of_library, *shared, named, *last], foreign_pre_chain=[]
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
