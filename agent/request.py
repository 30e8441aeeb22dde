"""The JSON of a chat completion's request, as OpenAI, SGLang and vLLM read it."""

import json
import re

from agent.calls import object_arguments
from agent.prompt import Message, Prompt, Tool, ToolCall


def request_body(prompt: Prompt, model: str, stream: bool = True) -> dict[str, object]:
    """tools only where the prompt has some; usage is asked for, where a stream would not bring it by itself."""
    body: dict[str, object] = {
        "model": model,
        "messages": [_message(message) for message in _in_call_order(prompt.messages)],
        "stream": stream,
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
    if prompt.schema is not None:  # a grammar; SGLang lets the reasoning before it run free
        named = {"name": "reply", "strict": True, "schema": prompt.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


def _tool(tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message) -> dict[str, object]:
    """content is "" and never null (R1's template fails on null); reasoning is never sent back."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if message.role != "assistant":
        return {"role": message.role, "content": message.content}
    sent: dict[str, object] = {"role": "assistant", "content": _without_reasoning(message.content)}
    if message.tool_calls:
        sent["tool_calls"] = [_call(call) for call in message.tool_calls]
    return sent


def _call(call: ToolCall) -> dict[str, object]:
    """arguments: the JSON text of an object, encoded once; SGLang refuses a history with anything else."""
    arguments = json.dumps(object_arguments(call.arguments) or {}, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _without_reasoning(content: str) -> str:
    return re.sub(r"\A\s*<think>.*?(</think>\s*|\Z)", "", content, flags=re.DOTALL)


def _in_call_order(messages: tuple[Message, ...]) -> list[Message]:
    """Tool results in the order of their calls: R1's template shows no ids, it reads them by place."""
    ordered: list[Message] = []
    order: dict[str, int] = {}
    for message in messages:
        if message.role == "assistant":
            order = {call.id: place for place, call in enumerate(message.tool_calls)}
        ordered.append(message)
        place = len(ordered) - 1
        while message.role == "tool" and place and _after(ordered[place - 1], message, order):
            ordered[place - 1], ordered[place] = ordered[place], ordered[place - 1]
            place -= 1
    return ordered


def _after(earlier: Message, later: Message, order: dict[str, int]) -> bool:
    last = len(order)
    return earlier.role == "tool" and order.get(earlier.tool_call_id, last) > order.get(later.tool_call_id, last)
