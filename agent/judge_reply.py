"""What a model says about a batch of claims, read back: JSON of one shape, or nothing."""

import json
from dataclasses import dataclass
from typing import Final, Literal, get_args

Said = Literal["supported", "partial", "unsupported", "contradicted"]
_SAID: frozenset[str] = frozenset(get_args(Said))
_LONGEST_QUOTE = 1_200  # characters
_MOST_TRIES = 20  # places where the JSON may begin

REPLY_SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {
        "verdicts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "verdict": {"type": "string", "enum": sorted(_SAID)},
                    "quote": {"type": "string", "maxLength": 600},
                },
                "required": ["id", "verdict", "quote"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["verdicts"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """quote: the words of the passage that decide, not yet looked up."""

    verdict: Said
    quote: str


def opinions_of(reply: str, count: int) -> dict[int, Opinion]:
    """By place in the batch (0 to count - 1); entries of another shape and numbers never asked are left out.

    The first word on a number holds. A server that knows no grammar may set the JSON in prose or in a code block.
    """
    entries = _entries(reply)
    found: dict[int, Opinion] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (opinion := _opinion(entry)):
            number = entry.get("id")
            if isinstance(number, int) and 1 <= number <= count:
                found.setdefault(number - 1, opinion)
    return found


def _entries(reply: str) -> object:
    decoder = json.JSONDecoder()
    at = reply.find("{")
    for _ in range(_MOST_TRIES):
        if at < 0:
            return None
        try:
            value, _end = decoder.raw_decode(reply, at)
        except (json.JSONDecodeError, RecursionError):
            value = None
        if isinstance(value, dict) and "verdicts" in value:
            return value["verdicts"]
        at = reply.find("{", at + 1)
    return None


def _opinion(entry: dict[str, object]) -> Opinion | None:
    verdict, quote = entry.get("verdict"), entry.get("quote", "")
    if not isinstance(quote, str) or len(quote) > _LONGEST_QUOTE:
        return None
    match verdict:
        case "supported" | "partial" | "unsupported" | "contradicted":
            return Opinion(verdict, quote)
    return None
