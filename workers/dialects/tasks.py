"""What a client's own task (Open WebUI's titles, tags, follow-ups) gets where no model is configured.

The forms are those that Open WebUI's prompts ask for; empty lists are what it takes for "none".
"""

import json
import re

_TITLE_CHARACTERS = 60
_CHAT = re.compile(r"<chat_history>\s*(?:USER:\s*)?(.+?)\s*(?:\n|</chat_history>)", re.DOTALL | re.IGNORECASE)


def without_model(task: str) -> str:
    """JSON in the form that the task's prompt names."""
    if '"follow_ups"' in task:
        return json.dumps({"follow_ups": []})
    if '"tags"' in task:
        return json.dumps({"tags": []})
    if '"tool_calls"' in task:
        return json.dumps({"tool_calls": []})
    if "autocompletion" in task:
        return json.dumps({"text": ""})
    if "fitting emoji" in task:
        return "💬"
    if '"queries"' in task:
        return json.dumps({"queries": []})
    first = _CHAT.search(task)
    title = " ".join((first[1] if first else "").split())[:_TITLE_CHARACTERS]
    return json.dumps({"title": title or "kaozheng"}, ensure_ascii=False)
