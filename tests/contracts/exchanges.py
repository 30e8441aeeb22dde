"""Recorded exchanges held against what is documented: the shape by closed JSON schemas, and what no schema can say by
laws over the whole exchange. The SDKs' own types accept anything extra and much that is missing; these do not."""

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SCHEMAS = Path(__file__).with_name("schemas")
Fields = dict[str, Any]
_KINDS = {"chat.reasoning": "r", "chat.reasoning.done": "R", "chat.completion.chunk": "t", "chat.completion.done": "D"}
_MARKER = re.compile(r"\[(\d+)\]")


def validator(document: str, name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{document}.json").read_text())
    registry: Any = Registry().with_resource("urn:it", Resource.from_contents(schema))
    return Draft202012Validator({"$ref": f"urn:it#/$defs/{name}"}, registry=registry)


def shape_faults(document: str, name: str, value: Any) -> list[str]:
    return [
        f"{name}.{fault.json_path}: {fault.message[:200]}" for fault in validator(document, name).iter_errors(value)
    ]


def data_of(body: str) -> list[str]:
    """What stands behind each `data: ` of a stream; comments are left out."""
    return [line[6:] for line in body.split("\n") if line.startswith("data: ")]


def citation_faults(text: str, notes: list[Fields], citations: list[str]) -> list[str]:
    """[n] is citations[n-1]; every marker has one annotation, at its place, in code points."""
    marked = [(int(found[1]), *found.span()) for found in _MARKER.finditer(text)]
    faults = [f"[{n}] means nothing" for n, _, _ in marked if not 1 <= n <= len(citations)]
    first = list(dict.fromkeys(n for n, _, _ in marked))
    if first != list(range(1, len(citations) + 1)):
        faults.append(f"numbers {first} of {len(citations)} citations: not each once by first appearance")
    told = [(note["start_index"], note["end_index"], note["url"]) for note in notes]
    meant = [(start, end, citations[n - 1]) for n, start, end in marked if 1 <= n <= len(citations)]
    return faults + ([] if told == meant else [f"annotations {told}, markers {meant}"])


def _list_faults(fields: Fields) -> list[str]:
    listed = [result["url"] for result in fields["search_results"]]
    return [] if listed == fields["citations"] else ["search_results and citations differ"]


def completion_faults(completion: Fields) -> list[str]:
    if faults := shape_faults("chat", "completion", completion):
        return faults
    message, usage = completion["choices"][0]["message"], completion["usage"]
    if "citations" not in completion:
        return ["no citations"]
    notes = [note["url_citation"] for note in message.get("annotations", ())]
    faults = [*_list_faults(completion), *citation_faults(message["content"], notes, completion["citations"])]
    return faults + _usage_faults(usage)


def _usage_faults(usage: Fields) -> list[str]:
    whole = usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    cost = usage["cost"]
    parts = sum(value for name, value in cost.items() if name != "total_cost")
    faults = [] if whole else ["total_tokens is not the sum"]
    return faults if abs(parts - cost["total_cost"]) < 1e-9 else [*faults, "total_cost is not the sum"]


def chunks_faults(body: str, *, include_usage: bool) -> list[str]:
    """Of a whole stream, as it came over the wire."""
    told = data_of(body)
    if not told or told[-1] != "[DONE]" or told.count("[DONE]") != 1:
        return ["[DONE] is not the last, once"]
    chunks = [json.loads(each) for each in told[:-1]]
    faults = [fault for chunk in chunks for fault in shape_faults("chat", "chunk", chunk)]
    return faults or _sequence_faults(chunks, include_usage)


def _sequence_faults(chunks: list[Fields], include_usage: bool) -> list[str]:
    faults = [] if len({(c["id"], c["created"], c["model"]) for c in chunks}) == 1 else ["ids differ"]
    empty = [place for place, chunk in enumerate(chunks) if not chunk["choices"]]
    if empty != ([len(chunks) - 1] if include_usage else []):
        faults.append(f"chunks without choices at {empty}")
    said = [chunk for chunk in chunks if chunk["choices"]]
    deltas = [chunk["choices"][0]["delta"] for chunk in said]
    if [place for place, delta in enumerate(deltas) if "role" in delta] != [0]:
        faults.append("the role is not told once, at first")
    if [bool(chunk["choices"][0]["finish_reason"]) for chunk in said].index(True) != len(said) - 1:
        faults.append("something follows the finish_reason")
    text = "".join(delta.get("content", "") for delta in deltas)
    notes = [note["url_citation"] for delta in deltas for note in delta.get("annotations", ())]
    last = said[-1]
    if "citations" not in last:
        return [*faults, "the last chunk has no citations"]
    return [*faults, *_list_faults(last), *citation_faults(text, notes, last["citations"])]


def concise_faults(body: str) -> list[str]:
    """Of a whole stream in Sonar's concise form: reasoning, its end, the text, and one last object that holds all."""
    told = data_of(body)
    if not told or told[-1] != "[DONE]":
        return ["[DONE] is not the last"]
    chunks = [json.loads(each) for each in told[:-1]]
    if faults := [fault for chunk in chunks for fault in shape_faults("chat", "concise", chunk)]:
        return faults
    order = "".join(_KINDS[chunk["object"]] for chunk in chunks)
    if not re.fullmatch("r+Rt*D", order):
        return [f"the kinds come in the order {order}"]
    pieces = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    notes = [note for chunk in chunks for note in chunk["choices"][0]["delta"].get("annotations", ())]
    last = chunks[-1]
    whole = last["choices"][0]["message"]["content"]
    faults = [] if pieces == whole else ["the pieces are not the whole"]
    faults += [*_list_faults(last), *_usage_faults(last["usage"])]
    return faults + citation_faults(whole, [note["url_citation"] for note in notes], last["citations"])


def response_faults(response: Fields) -> list[str]:
    if faults := shape_faults("responses", "response", response):
        return faults
    if response["status"] != "completed":
        return []
    message = next((item for item in response["output"] if item["type"] == "message"), None)
    if message is None:
        return ["a completed response has no message"]
    part = message["content"][0]
    citations = list(dict.fromkeys(note["url"] for note in part["annotations"]))
    faults = citation_faults(part["text"], part["annotations"], citations)
    unfinished = [item["id"] for item in response["output"] if item.get("status") == "in_progress"]
    return faults + [f"{one} is in progress" for one in unfinished]


def events_faults(body: str) -> list[str]:
    """Of a whole stream of Responses, as it came over the wire."""
    names = [line[7:] for line in body.split("\n") if line.startswith("event: ")]
    events = [json.loads(each) for each in data_of(body)]
    faults = [fault for event in events for fault in shape_faults("responses", "event", event)]
    if faults:
        return faults
    if names != [event["type"] for event in events]:
        faults.append("event names and types differ")
    if [event["sequence_number"] for event in events] != list(range(len(events))):
        faults.append("the numbers have gaps")
    last = ("response.completed", "response.incomplete", "response.failed")
    if [event["type"] in last for event in events].index(True) != len(events) - 1:
        faults.append("not exactly one last event")
    return [*faults, *_built_faults(events), *response_faults(events[-1]["response"])]


def _built_faults(events: list[Fields]) -> list[str]:
    """The items of the last snapshot are those that were told, and their texts are the sum of their pieces."""
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    output = events[-1]["response"]["output"]
    faults = [] if sorted(done, key=str) == sorted(output, key=str) else ["the items told are not the output"]
    for kind in ("output_text", "reasoning_text"):
        pieces = "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")
        whole = "".join(event["text"] for event in events if event["type"] == f"response.{kind}.done")
        faults += [] if pieces == whole else [f"the pieces of {kind} are not the whole"]
    opened = [event["item"]["id"] for event in events if event["type"] == "response.output_item.added"]
    return faults if sorted(opened) == sorted(item["id"] for item in done) else [*faults, "an item is not ended"]
