"""A run's messages, in the words of the native API, as OpenAI's Responses events and as a response object.

The same messages always become the same events with the same numbers, whoever reads them and when: a stream that broke
goes on from the number that came last.
"""

from dataclasses import asdict
from typing import Any

from agent.answer import Answer, Source
from agent.delta import Usage
from workers.dialects.recorded import answer_of
from workers.dialects.responses_items import Call, ItemStatus, Piece
from workers.dialects.responses_request import Repeated
from workers.dialects.written import Written
from workers.sse import Message

ID_PREFIX = "resp_"


class Responding:
    """One response. of: the events that a message becomes; response: what is known of it so far."""

    def __init__(self, run_id: str, repeated: Repeated) -> None:
        self._run_id, self._repeated = run_id, repeated
        self._number, self._status = 0, "queued" if repeated.fields["background"] else "in_progress"
        self._calls: list[Call] = []
        self._thinking: Piece | None = None
        self._said: Piece | None = None
        self._written = Written()
        self._output: dict[int, dict[str, Any]] = {}
        self._places = 0
        self._end: dict[str, Any] = {}

    def begin(self) -> list[Message]:
        """What is told before anything happens."""
        events = [self._snapshot("response.created")]
        if self._status == "queued":
            events.append(self._snapshot("response.queued"))
        self._status = "in_progress"
        return [*events, self._snapshot("response.in_progress")]

    def of(self, message: Message) -> list[Message]:
        fields = message.fields
        match message.name:
            case "planned":
                return [*self._settle(), *self._planned(fields)]
            case "searched":
                return self._searched(fields["query"], "completed", fields.get("urls", ()))
            case "search_failed":
                return self._searched(fields["query"], "failed", ())
            case "page_read" | "page_skipped":
                return self._opened(fields["url"], "completed" if message.name == "page_read" else "failed")
            case "packed":
                return self._settle()
            case "thinking":
                return self._think(fields["text"])
            case "text" | "cited" if self._repeated.stream:
                return self._write(message)
            case "answered" | "failed" | "cancelled":
                return self._last(message)
        return []

    def response(self) -> dict[str, Any]:
        """The response object as it stands."""
        items = [self._output[place] for place in sorted(self._output)]
        return {
            "id": ID_PREFIX + self._run_id,
            "object": "response",
            "created_at": self._repeated.created,
            "status": self._status,
            "error": None,
            "incomplete_details": None,
            "output": items,
            "usage": None,
            **self._repeated.fields,
            **self._end,
        }

    def _event(self, name: str, fields: dict[str, Any], *, last: bool = False) -> Message:
        number = self._number
        self._number += 1
        return Message(name, {"type": name, "sequence_number": number, **fields}, last)

    def _snapshot(self, name: str, *, last: bool = False) -> Message:
        return self._event(name, {"response": self.response()}, last=last)

    def _told(self, told: list[tuple[str, dict[str, Any]]]) -> list[Message]:
        for name, fields in told:
            if name == "response.output_item.done":
                self._output[fields["output_index"]] = fields["item"]
        return [self._event(name, fields) for name, fields in told]

    def _place(self) -> int:
        self._places += 1
        return self._places - 1

    def _planned(self, fields: dict[str, Any]) -> list[Message]:
        searches = [{"type": "search", "query": query, "queries": [query]} for query in fields["queries"]]
        opened = [{"type": "open_page", "url": url} for url in fields["urls"]]
        return [event for action in (*searches, *opened) for event in self._begin(action)]

    def _begin(self, action: dict[str, Any]) -> list[Message]:
        place = self._place()
        call = Call(f"ws_{self._run_id}_{place}", place, action)
        self._calls.append(call)
        return self._told(call.begin())

    def _searched(self, query: str, status: ItemStatus, urls: Any) -> list[Message]:
        """Which of several that asked the same, is all one."""
        told = [] if self._call("query", query) else self._begin({"type": "search", "query": query, "queries": [query]})
        call = self._call("query", query)
        assert call is not None, "it was begun, if not before then just now"
        if self._repeated.sources:
            call.action["sources"] = [{"type": "url", "url": url} for url in urls]
        return [*told, *self._done(call, status)]

    def _opened(self, url: str, status: ItemStatus) -> list[Message]:
        call = self._call("url", url)
        return self._done(call, status) if call else []

    def _call(self, key: str, value: str) -> Call | None:
        return next((call for call in self._calls if call.action.get(key) == value), None)

    def _done(self, call: Call, status: ItemStatus) -> list[Message]:
        self._calls.remove(call)
        return self._told(call.end(status))

    def _settle(self, status: ItemStatus = "completed") -> list[Message]:
        """What nobody has told the end of: a page whose address changed on the way, or all of it where a run breaks."""
        return [event for call in list(self._calls) for event in self._done(call, status)]

    def _think(self, text: str) -> list[Message]:
        begun: list[Message] = self._settle()
        if self._thinking is None:
            place = self._place()
            self._thinking = Piece(f"rs_{self._run_id}_{place}", place, "reasoning")
            begun += self._told(self._thinking.begin())
        return [*begun, *self._told(self._thinking.say(text))]

    def _thought(self, status: ItemStatus = "completed") -> list[Message]:
        thinking, self._thinking = self._thinking, None
        return self._told(thinking.end(status)) if thinking else []

    def _write(self, message: Message) -> list[Message]:
        if message.name == "text":
            return self._say(self._written.text(message.fields["text"]))
        source = Source(message.fields["number"], message.fields["url"], message.fields["title"])
        return self._say(self._written.cite(source))

    def _say(self, text: str) -> list[Message]:
        begun = [*self._settle(), *self._thought()]
        if self._said is None:
            place = self._place()
            self._said = Piece(f"msg_{self._run_id}_{place}", place, "message")
            begun += self._told(self._said.begin())
        told = self._said.say(text) if text else []
        for marked in self._written.marked[len(self._said.annotations) :]:
            told += self._said.annotate(marked)
        return [*begun, *self._told(told)]

    def _last(self, message: Message) -> list[Message]:
        if message.name == "answered":
            return self._answered(answer_of(message.fields))
        return self._broken(message)

    def _answered(self, answer: Answer) -> list[Message]:
        whole = self._written.note(answer) if self._said else self._written.whole(answer)
        status: ItemStatus = "incomplete" if answer.status == "partial" else "completed"
        untold = answer.thinking and not self._said and not self._thought_of()
        events = self._think(answer.thinking) if untold else []
        events += self._say(whole)
        assert self._said is not None, "something was just said, if only nothing"
        events += self._told(self._said.end(status))
        self._status, self._end = status, {"usage": usage_fields(answer.usage), "kaozheng": ours(answer)}
        if status == "incomplete":
            self._end["incomplete_details"] = {"reason": "max_output_tokens"}
        return [*events, self._snapshot(f"response.{status}", last=True)]

    def _thought_of(self) -> bool:
        return self._thinking is not None or any(item["type"] == "reasoning" for item in self._output.values())

    def _broken(self, message: Message) -> list[Message]:
        """A run that was cancelled ends as OpenAI's do: `cancelled`, told by the event for what is not whole."""
        events = [*self._settle("incomplete"), *self._thought("incomplete")]
        if self._said is not None:
            events += self._told(self._said.end("incomplete"))
        if message.name == "cancelled":
            self._status = "cancelled"
            return [*events, self._snapshot("response.incomplete", last=True)]
        self._status = "failed"
        self._end = {"error": {"code": "server_error", "message": message.fields["message"]}}
        self._end["kaozheng"] = {"code": message.fields["code"]}
        return [*events, self._snapshot("response.failed", last=True)]


def usage_fields(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def ours(answer: Answer) -> dict[str, Any]:
    """What this dialect has no words for."""
    return {"answer_id": answer.id, "status": answer.status, "degraded": answer.degraded}


def told_again(answer: Answer) -> list[Message]:
    """The messages of a run whose events are not kept any more, as far as its answer tells them."""
    asked = [
        Message("search_failed" if one.failure else "searched", {"query": one.query, "urls": one.urls})
        for one in answer.asked
    ]
    return [*asked, Message("answered", asdict(answer), last=True)]
