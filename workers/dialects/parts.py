"""The messages of OpenAI's dialects: text, and files by their id or in base64."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator

from workers.attached import Attached

ONLY = "text and files are all that can be read here: parts of the type text, file or input_file"
_ONE = "send either `file_id` or `file_data`"


class Lenient(BaseModel):
    """Unknown fields are ignored; a known one of the wrong type is named."""

    model_config = ConfigDict(extra="ignore", strict=True)


class TextPart(Lenient):
    type: Literal["text", "input_text", "output_text"]
    text: str


class GivenFile(Lenient):
    """A file of POST /v1/files by its id, or in base64 with or without `data:TYPE;base64,` before it."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "GivenFile":
        if bool(self.file_id) == bool(self.file_data):
            raise ValueError(_ONE)
        return self

    def attached(self, field: str) -> Attached:
        if self.file_id:
            return Attached(f"{field}.file_id", self.file_id)
        return Attached(f"{field}.file_data", "", self.filename or "", self.file_data or "")


class FilePart(Lenient):
    """Of Chat Completions."""

    type: Literal["file"]
    file: GivenFile


class InputFilePart(GivenFile):
    """Of Responses. An address of a file is not fetched."""

    type: Literal["input_file"]


_TEXTS = ("text", "input_text", "output_text")
_FILES = {"file": "#file", "input_file": "#input_file"}


def _kind_of_part(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else getattr(part, "type", "")
    if not isinstance(kind, str):
        return "#none"
    return "#text" if kind in _TEXTS else _FILES.get(kind, "#none")


def kind_of_content(content: Any) -> str:
    """The tag of a text or of a list."""
    return "#parts" if isinstance(content, list) else "#text"


Part = Annotated[
    Annotated[TextPart, Tag("#text")]
    | Annotated[FilePart, Tag("#file")]
    | Annotated[InputFilePart, Tag("#input_file")],
    Discriminator(_kind_of_part, custom_error_type="part", custom_error_message=ONLY),
]
"""Tags begin with #, so that wrong_field() can leave them out of a field's name."""
Content = Annotated[
    Annotated[str, Tag("#text")] | Annotated[list[Part], Tag("#parts")],
    Discriminator(kind_of_content),
]


class ChatMessage(Lenient):
    """One message; content as text or as parts: text and files."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if isinstance(part, TextPart))
        return self.content or ""


def attached_in(messages: Iterable[tuple[str, ChatMessage]]) -> tuple[Attached, ...]:
    """The files of messages, each with the place that its message has in the request: of the whole conversation, for
    clients send it anew each time."""
    return tuple(
        part.file.attached(f"{place}.content.{number}.file")
        if isinstance(part, FilePart)
        else part.attached(f"{place}.content.{number}")
        for place, message in messages
        if isinstance(message.content, list)
        for number, part in enumerate(message.content)
        if isinstance(part, FilePart | InputFilePart)
    )
