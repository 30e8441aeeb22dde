"""A plan as JSON, for a model whose calls no parser reads: the schema, and how strictly it is read."""

import json

from agent.calls import MAX_ARGUMENT_CHARACTERS, Turn, read_calls
from agent.prompt import Tool, ToolCall

MOST_CALLS = 8


def plan_schema(tools: tuple[Tool, ...]) -> dict[str, object]:
    """`{"calls": [{"name": …, "arguments": {…}}]}` with the tools' own schemas; for the server's grammar."""
    calls = {"type": "array", "items": {"anyOf": [_call(tool) for tool in tools]}, "maxItems": MOST_CALLS}
    return _object({"calls": calls})


def _call(tool: Tool) -> dict[str, object]:
    arguments = {**tool.parameters, "additionalProperties": False}
    return _object({"name": {"type": "string", "enum": [tool.name]}, "arguments": arguments})


def _object(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_plan(tools: tuple[Tool, ...], text: str, most: int) -> Turn | None:
    """The calls of a plan; None where the text is anything but that one JSON object, a code fence around it aside."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if len(bare) > MAX_ARGUMENT_CHARACTERS:
        return None
    try:
        plan = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    calls = plan.get("calls") if isinstance(plan, dict) else None
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        return None
    return read_calls(tools, tuple(_written(place, call) for place, call in enumerate(calls)), most=most)


def _written(place: int, call: dict[str, object]) -> ToolCall:
    name, arguments = call.get("name"), call.get("arguments")
    return ToolCall(f"plan_{place}", name if isinstance(name, str) else "", json.dumps(arguments, ensure_ascii=False))
