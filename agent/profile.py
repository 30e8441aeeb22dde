"""A model profile: what one model behind one kind of server needs and can do. One file each, in agent/profiles.

A new model is a new file there, or anywhere else if its path is given as KAOZHENG_MODEL_PROFILE.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

ToolUse = Literal["yes", "unstreamed", "no"]
Grammar = Literal["json_schema", "json_object", "guided_json", "none"]
Thinking = Literal["parsed", "opened"]


@dataclass(frozen=True, slots=True)
class Match:
    """For whom a profile is taken where none is set. Shell patterns, lower case; an empty tuple matches all.

    models: names in /v1/models; owners: their `owned_by`, which tells the server apart; hosts: of the address
    """

    models: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def score(self, models: tuple[str, ...], owner: str, host: str) -> tuple[int, int] | None:
        """How well it fits: criteria met, then the length of the longest pattern met; None where it does not."""
        wanted = ((self.models, models), (self.owners, (owner,)), (self.hosts, (host,)))
        met = [_longest(patterns, values) for patterns, values in wanted if patterns]
        return None if 0 in met else (len(met), max(met, default=0))


@dataclass(frozen=True, slots=True)
class Launch:
    """How the server is started. command: its words; {key}, {templates} and {models} are the operator's to fill.

    reasoning_parser, tool_parser, chat_template: those among them that decide what we are sent; "" for none.
    """

    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    reasoning_parser: str = ""
    tool_parser: str = ""
    chat_template: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is sent with each request; None: not sent, the server decides."""

    temperature: float | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError("temperature lies between 0 and 2")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError("top_p lies above 0 and at most at 1")


@dataclass(frozen=True, slots=True)
class Quirks:
    """What the server takes and gives.

    tools:        `yes`; `unstreamed`: only a reply that is not streamed has its calls parsed right; `no`: never sent
    grammar:      how a reply is bound to a JSON schema: in response_format, `json_object` there (any object), in
                  the field guided_json (vLLM before 0.12), or not at all
    thinking:     `parsed`: the server separates the reasoning, or the model writes `<think>` itself;
                  `opened`: the chat template has written `<think>` and the server does not parse it
    system_role:  a system message is taken; else it is put before the first user message
    one_role_at_a_time: successive messages of one role are refused, so they are joined
    max_tokens_field:  what the limit of a reply is called
    stream_usage: stream_options.include_usage is taken
    continue_final_message: an open assistant message can be continued
    cache_report: usage tells how many prompt tokens came from the prefix cache
    cache_salt:   the prefix cache can be kept apart for each tenant
    abort_path:   where a generation can be ended by its id, beside the version; "" where leaving is the only way
    loads_path:   where the number of running generations is told; "" where nowhere
    """

    tools: ToolUse = "yes"
    grammar: Grammar = "json_schema"
    thinking: Thinking = "parsed"
    system_role: bool = True
    one_role_at_a_time: bool = False
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    continue_final_message: bool = False
    cache_report: bool = False
    cache_salt: bool = False
    abort_path: str = ""
    loads_path: str = ""

    def __post_init__(self) -> None:
        if any(path and not path.startswith("/") for path in (self.abort_path, self.loads_path)):
            raise ValueError("a path begins with / and is of the same server")


@dataclass(frozen=True, slots=True)
class Profile:
    """verified: what of it has been run by this project, in one line; "" for nothing.
    context_tokens: of prompt and reply together, where the server does not say."""

    name: str
    title: str
    verified: str = ""
    context_tokens: int = 65_536
    match: Match = field(default_factory=Match)
    launch: Launch = field(default_factory=Launch)
    sampling: Sampling = field(default_factory=lambda: Sampling(0.6, 0.95))
    quirks: Quirks = field(default_factory=Quirks)

    def __post_init__(self) -> None:
        if self.context_tokens < 1:
            raise ValueError("context_tokens is at least 1")


GENERIC = Profile("generic", "Any OpenAI-compatible server")
"""What holds where no file fits better; agent/profiles/generic.toml says the same."""


def chosen(profiles: tuple[Profile, ...], models: tuple[str, ...], owner: str, host: str) -> Profile:
    """The profile that fits best; GENERIC where none does. models: the name asked for, and the server's for it."""
    names = tuple(name.lower() for name in models)
    scores = {p: p.match.score(names, owner.lower(), host.lower()) for p in profiles}
    fitting = [(score, profile) for profile, score in scores.items() if score is not None]
    return max(fitting, key=lambda fit: fit[0], default=((0, 0), GENERIC))[1]


def _longest(patterns: tuple[str, ...], values: tuple[str, ...]) -> int:
    return max((len(p) for p in patterns for value in values if fnmatchcase(value, p)), default=0)
