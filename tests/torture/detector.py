"""SGLang's own parsers on a text and its pieces, as its server calls them (serving_chat.py of 0.5.23).

Runs in SGLang's environment: `.venv-sglang/bin/python tests/torture/detector.py < lines > lines`. A line in is
{"pieces": […], "tools": […]}; a line out is {"streamed": [deltas], "whole": message}, as the server sends them.
"""

import importlib
import json
import logging
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "live" / "rig"))
importlib.import_module("serve_cpu")  # stand-ins for what a CPU does not have

from sglang.srt.entrypoints.openai.protocol import Tool
from sglang.srt.entrypoints.openai.serving_chat import OpenAIServingChat
from sglang.srt.function_call.function_call_parser import FunctionCallParser
from sglang.srt.parser.reasoning_parser import ReasoningParser

logging.disable(logging.CRITICAL)


class Request:
    """What the last step looks at."""

    model = "r1"


def whole(text, tools):
    reasoning, content = ReasoningParser("deepseek-r1", True, True).parse_non_stream(text)
    parser = FunctionCallParser(tools, "deepseekv3")
    message = {"content": content, "reasoning_content": reasoning, "tool_calls": None}
    if parser.has_tool_call(content or ""):
        message["content"], calls = parser.parse_non_stream(content)
        message["tool_calls"] = [
            {"id": f"call_{n}", "index": n, "function": {"name": c.name, "arguments": c.parameters}}
            for n, c in enumerate(calls)
        ] or None
    return message


def streamed(pieces, tools):
    thinking, parser = ReasoningParser("deepseek-r1", True, True), FunctionCallParser(tools, "deepseekv3")
    deltas = []
    for last, piece in [(n == len(pieces) - 1, piece) for n, piece in enumerate(pieces)]:
        reasoning, text = thinking.parse_stream_chunk(piece)
        if last:
            more, text_more = thinking.parse_stream_end()
            reasoning, text = (reasoning or "") + (more or ""), (text or "") + (text_more or "")
        if reasoning:
            deltas.append({"reasoning_content": reasoning})
        if text or last:
            deltas += said(parser, text or "", last)
    rest = OpenAIServingChat._check_for_unstreamed_tool_args(None, parser, {"meta_info": {"id": "x"}}, Request, 0, 0)
    if rest:
        deltas.append(json.loads(rest.removeprefix("data: "))["choices"][0]["delta"])
    return deltas


def said(parser, text, last):
    normal, calls = parser.parse_stream_chunk(text)
    if last:
        more, more_calls = parser.parse_stream_end()
        normal, calls = (normal or "") + (more or ""), [*calls, *more_calls]
    if normal:
        yield {"content": normal}
    for call in calls:
        key = f"call_{call.tool_index}_{id(call)}" if call.name else None
        function = {"name": call.name, "arguments": call.parameters}
        yield {"tool_calls": [{"id": key, "index": call.tool_index, "function": function}]}


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        tools = [Tool(**tool) for tool in asked["tools"]]
        pieces = asked["pieces"]
        found = {"streamed": streamed(pieces, tools), "whole": whole("".join(pieces), tools)}
        print(json.dumps(found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
