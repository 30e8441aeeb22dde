"""The JSON of a chat completion's request, as OpenAI, SGLang and vLLM read it."""

import hashlib
import json
from dataclasses import replace
from itertools import groupby

from agent.calls import object_arguments
from agent.fence import fence
from agent.profile import GENERIC, Grammar, Profile
from agent.prompt import Due, Message, Prompt, Tool, ToolCall
from agent.thinking import without_reasoning


def request_body(prompt: Prompt, model: str, profile: Profile = GENERIC) -> dict[str, object]:
    """tools only where the prompt has some and the profile allows them; usage is asked for, where a stream would not
    bring it by itself."""
    quirks = profile.quirks
    ordered = _in_call_order(_told(prompt, profile))
    messages = [_message(message) for message in _fitting(_spelled_out(ordered, profile), profile)]
    body: dict[str, object] = {
        "model": model,
        "messages": messages,
        "stream": prompt.stream,
        quirks.max_tokens_field: prompt.max_tokens,
        **_sampling(prompt, profile),
    }
    if prompt.stream and quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if prompt.tools and quirks.tools != "no":
        body["tools"] = [_tool(tool) for tool in prompt.tools]
    if prompt.question.tenant and quirks.cache_salt:
        body["cache_salt"] = _salt(prompt.question.tenant)
    if prompt.due and quirks.continue_final_message:
        body |= {"messages": [*messages, _thought(prompt.due)], "continue_final_message": True}
    if prompt.schema is not None:
        body |= _grammar(prompt.schema, quirks.grammar)
    return body


def _salt(tenant: str) -> str:
    """Tells tenants apart in the server's prefix cache, so that none can find out by its speed what another asked.
    The name itself stays here."""
    return hashlib.sha256(f"kaozheng {tenant}".encode()).hexdigest()[:32]


def _sampling(prompt: Prompt, profile: Profile) -> dict[str, float]:
    """A prompt may have a temperature of its own, but none is sent to a server that wants none."""
    pairs = (
        ("temperature", prompt.temperature, profile.sampling.temperature),
        ("top_p", prompt.top_p, profile.sampling.top_p),
    )
    return {name: usual if own is None else own for name, own, usual in pairs if usual is not None}


def _grammar(schema: dict[str, object], form: Grammar) -> dict[str, object]:
    """What binds the reply to a schema; SGLang lets the reasoning before it run free."""
    match form:
        case "json_schema":
            named = {"name": "reply", "strict": True, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": named}}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "guided_json":
            return {"guided_json": schema}
    return {}


def _told(prompt: Prompt, profile: Profile) -> tuple[Message, ...]:
    """Where an answer is due and the server cannot go on behind reasoning, the last message says so."""
    if prompt.due is None or profile.quirks.continue_final_message:
        return prompt.messages
    last = prompt.messages[-1]
    return *prompt.messages[:-1], replace(last, content=f"{last.content}\n\n{prompt.due.order}")


def _thought(due: Due) -> dict[str, object]:
    """An assistant's turn whose reasoning is over; as R1 writes it, so that the answer follows."""
    inside = fence(due.thinking).strip()  # a tag in it would end it
    return {"role": "assistant", "content": f"<think>\n{inside}\n</think>\n\n"}


def _spelled_out(messages: list[Message], profile: Profile) -> list[Message]:
    """For a server that is sent no tools: calls as the JSON that they were planned in, and their results as a user's
    message, because it may refuse tool_calls and the role of a tool."""
    if profile.quirks.tools != "no":
        return messages
    spelled: list[Message] = []
    for role, run in groupby(messages, lambda message: message.role):
        if role == "tool":
            spelled.append(Message("user", "\n\n".join(message.content for message in run)))
        else:
            spelled += (_as_plan(message) for message in run)
    return spelled


def _as_plan(message: Message) -> Message:
    if not message.tool_calls:
        return message
    calls = [{"name": call.name, "arguments": object_arguments(call.arguments) or {}} for call in message.tool_calls]
    return Message(message.role, json.dumps({"calls": calls}, ensure_ascii=False))


def _fitting(messages: list[Message], profile: Profile) -> tuple[Message, ...]:
    """The messages as the profile's server takes them: no system role, or no two of one role in a row."""
    fitted: list[Message] = []
    for message in messages:
        if message.role == "system" and not profile.quirks.system_role:
            message = replace(message, role="user")
        joins = profile.quirks.one_role_at_a_time or not profile.quirks.system_role
        plain = message.role in ("system", "user") or (message.role == "assistant" and not message.tool_calls)
        if joins and plain and fitted and fitted[-1].role == message.role and not fitted[-1].tool_calls:
            fitted[-1] = replace(fitted[-1], content=f"{fitted[-1].content}\n\n{message.content}")
        else:
            fitted.append(message)
    return tuple(fitted)


def _tool(tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message) -> dict[str, object]:
    """content is "" and never null (R1's template fails on null); reasoning is never sent back."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if message.role != "assistant":
        return {"role": message.role, "content": message.content}
    sent: dict[str, object] = {"role": "assistant", "content": without_reasoning(message.content)}
    if message.tool_calls:
        sent["tool_calls"] = [_call(call) for call in message.tool_calls]
    return sent


def _call(call: ToolCall) -> dict[str, object]:
    """arguments: the JSON text of an object, encoded once; SGLang refuses a history with anything else."""
    arguments = json.dumps(object_arguments(call.arguments) or {}, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


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
