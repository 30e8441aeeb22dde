"""The items of a response's output and the events that tell of them, in OpenAI's words."""

from dataclasses import dataclass, field
from typing import Any, Literal

from workers.dialects.markers import Marked

ItemStatus = Literal["completed", "failed", "incomplete"]
_Told = tuple[str, dict[str, Any]]


@dataclass(slots=True)
class Call:
    """One query, or one page that the planner opened. place: in the output."""

    id: str
    place: int
    action: dict[str, Any]

    def item(self, status: str) -> dict[str, Any]:
        return {"id": self.id, "type": "web_search_call", "status": status, "action": dict(self.action)}

    def begin(self) -> list[_Told]:
        where = {"item_id": self.id, "output_index": self.place}
        return [
            ("response.output_item.added", {"output_index": self.place, "item": self.item("in_progress")}),
            ("response.web_search_call.in_progress", where),
            ("response.web_search_call.searching", where),
        ]

    def end(self, status: ItemStatus) -> list[_Told]:
        where = {"item_id": self.id, "output_index": self.place}
        told = [("response.web_search_call.completed", where)] if status == "completed" else []
        return [*told, ("response.output_item.done", {"output_index": self.place, "item": self.item(status)})]


@dataclass(slots=True)
class Piece:
    """An item that is written piece by piece: the reasoning, or the message with its annotations."""

    id: str
    place: int
    kind: Literal["reasoning", "message"]
    said: list[str] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.said)

    @property
    def _event(self) -> str:
        return "reasoning_text" if self.kind == "reasoning" else "output_text"

    @property
    def _where(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.place, "content_index": 0}

    def _part(self, text: str) -> dict[str, Any]:
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": text}
        notes = list(self.annotations) if text else []
        return {"type": "output_text", "text": text, "annotations": notes, "logprobs": []}

    def item(self, status: str) -> dict[str, Any]:
        content = [] if status == "in_progress" else [self._part(self.text)]
        item = {"id": self.id, "type": self.kind, "status": status, "content": content}
        return {**item, "summary": []} if self.kind == "reasoning" else {**item, "role": "assistant"}

    def begin(self) -> list[_Told]:
        return [
            ("response.output_item.added", {"output_index": self.place, "item": self.item("in_progress")}),
            ("response.content_part.added", {**self._where, "part": self._part("")}),
        ]

    def say(self, text: str) -> list[_Told]:
        self.said.append(text)
        return [(f"response.{self._event}.delta", {**self._where, "delta": text, **self._logprobs})]

    def annotate(self, marked: Marked) -> list[_Told]:
        note = url_citation(marked)
        self.annotations.append(note)
        place = {"annotation_index": len(self.annotations) - 1, "annotation": note}
        return [("response.output_text.annotation.added", {**self._where, **place})]

    def end(self, status: ItemStatus) -> list[_Told]:
        return [
            (f"response.{self._event}.done", {**self._where, "text": self.text, **self._logprobs}),
            ("response.content_part.done", {**self._where, "part": self._part(self.text)}),
            ("response.output_item.done", {"output_index": self.place, "item": self.item(status)}),
        ]

    @property
    def _logprobs(self) -> dict[str, Any]:
        return {} if self.kind == "reasoning" else {"logprobs": []}


def url_citation(marked: Marked) -> dict[str, Any]:
    """The marker's place, in code points of the text, and the page that it means."""
    source = marked.source
    return {
        "type": "url_citation",
        "start_index": marked.start,
        "end_index": marked.end,
        "title": source.title,
        "url": source.url,
    }
