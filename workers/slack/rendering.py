"""An answer as Slack's blocks: its text, footnotes with host, date and verdict, how well it is proven, buttons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from agent.answer import Answer, Source, Support
from agent.claims import Claim
from agent.verdicts import FAULTY, extent
from workers.slack.markup import escaped, line_of, link, markdown
from workers.slack.splitting import MARKDOWN_CHARACTERS, MESSAGE_CHARACTERS, beginning, split
from workers.slack.words import Language, words

Block = dict[str, Any]
MOST_FOOTNOTES = 30
MOST_QUOTES = 60
FOOTNOTES_CHARACTERS = 6_000
"""Of all footnotes of a message together."""
_BLOCK_CHARACTERS = 40  # of a context block beside its text, as size_of counts
_LINKED_CHARACTERS = 1_000  # of an address; a context block takes 2,000 in all
NOTICE_CHARACTERS = 3_000
FAULT_SIGN = "✗"
_FALLBACK_CHARACTERS = 300
_WORST_FIRST = ("contradicted", "unsupported", "partial", "supported", "unavailable")


@dataclass(frozen=True, slots=True)
class Rendered:
    """parts: the Markdown of each message, one or more; footer: the blocks under the last of them; file: the whole
    answer where it is too long to be said, "" else; text: for notifications."""

    parts: tuple[str, ...]
    footer: tuple[Block, ...]
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """What can be pressed under an answer. more: offers a deeper one; share: it is private, and may be shared."""

    answer_id: str
    more: bool = True
    share: bool = False


def rendered(answer: Answer, buttons: Buttons | None, marks: bool = True, preface: str = "") -> Rendered:
    """buttons: None for none at all; marks: whether sentences that no page supports are marked in the text; preface:
    lines of ours above it, already fit for Slack."""
    language = answer.language
    footer = (*_notices(answer), *footnotes(answer), *(_actions(buttons, language) if buttons else ()))
    text = marked(answer.text, answer.supports) if marks else answer.text
    said = markdown(text, [source.url for source in answer.sources]).strip()
    said = prefaced(preface, said or _in_words(answer.text))
    most = min(MARKDOWN_CHARACTERS, MESSAGE_CHARACTERS - size_of(footer))
    parts, file = split(said, most), ""
    if parts is None:
        hint = words("rest_in_file", language)
        parts, file = [f"_{hint}_\n\n{beginning(said, min(3_000, most - len(hint) - 10))}"], _whole(answer)
    return Rendered(tuple(parts), footer, file, line_of(answer.text, _FALLBACK_CHARACTERS))


def prefaced(preface: str, said: str) -> str:
    return f"{preface}\n\n{said}" if preface else said


def marked(text: str, supports: Sequence[Support], start: int = 0) -> str:
    """The text with a sign behind each sentence that cites pages, none of which says it. start: of the text in that of
    the supports."""
    by_claim: dict[tuple[int, int], list[Support]] = {}
    for support in supports:
        by_claim.setdefault((support.claim_start - start, support.claim_end - start), []).append(support)
    for (first, last), found in sorted(by_claim.items(), reverse=True):
        if all(support.verdict in FAULTY for support in found):
            at = extent(text, Claim("", first, last))[1]
            row = "|" if text[first:at].endswith("|") else ""  # then it goes into the last cell
            before = text[: at - len(row)].rstrip(" ")
            text = f"{before} {FAULT_SIGN}{' |' if row else ''}{text[at:]}"
    return text


def _in_words(text: str) -> str:
    """Something is said in any case, also of a text of which no Markdown is left."""
    return line_of(text, _FALLBACK_CHARACTERS).replace("[", "(").replace("]", ")") or "…"


def size_of(blocks: Sequence[Block]) -> int:
    """Characters of text in blocks, as Slack's cap counts them."""
    return sum(len(text) for block in blocks for text in _texts(block))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def mrkdwn(text: str) -> Block:
    """A text object in which Slack makes no link and no mention by itself."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def markdown_block(text: str) -> Block:
    return {"type": "markdown", "text": text}


def notice(text: str) -> list[Block]:
    """A sentence of ours, alone in its message."""
    return [section(text[:NOTICE_CHARACTERS])]


def _notices(answer: Answer) -> Iterator[Block]:
    language = answer.language
    if answer.status == "partial":
        yield context(words("partial_answer", language))
    if answer.degraded:
        yield context(words("degraded", language))
    if not answer.citations and answer.status in ("answered", "uncited", "partial") and not _from_files(answer):
        yield context(words("uncited", language))
    if answer.citations:
        claims = {support.claim_start for support in answer.supports}
        proven = {support.claim_start for support in answer.supports if support.verdict == "supported"}
        yield context(words("supported", language, n=len(proven), all=len(claims)))


def _from_files(answer: Answer) -> bool:
    """Answers from attached files alone are asked for without citations."""
    return bool(answer.sources) and not answer.asked and all(s.url.startswith("file:") for s in answer.sources)


def footnotes(answer: Answer) -> Iterator[Block]:
    """`[n] title · host · date · verdict`, cited pages only. Text and footnotes share what Slack shows of a message: as
    many have a link as there is room for."""
    cited = [source for source in answer.sources if source.cited]
    told = [(source, verdict_of(answer.supports, source.number)) for source in cited[:MOST_FOOTNOTES]]
    plain = [footnote(source, verdict, answer.language, linked=False) for source, verdict in told]
    room = FOOTNOTES_CHARACTERS - sum(len(line) + _BLOCK_CHARACTERS for line in plain)
    for (source, verdict), line in zip(told, plain, strict=True):
        linked = footnote(source, verdict, answer.language)
        if len(linked) - len(line) <= room:
            room, line = room - (len(linked) - len(line)), linked
        yield context(line)
    if len(cited) > len(told):
        yield context(words("more_sources", answer.language, n=len(cited) - len(told)))


def footnote(source: Source, verdict: str, language: Language, linked: bool = True) -> str:
    """linked: whether the title leads to the page; never where its address is very long."""
    host = host_of(source.url)
    shown = escaped(host[:40]) if source.url.startswith("http") else ""  # the others have it as their title
    title = source.title or host or source.url
    named = link(source.url, title) if linked and len(source.url) <= _LINKED_CHARACTERS else line_of(title, 80)
    about = [named, shown, line_of(source.date, 10)]
    return " · ".join(part for part in (f"[{source.number}] {about[0]}", *about[1:], words(verdict, language)) if part)


def verdict_of(supports: Sequence[Support], number: int) -> str:
    """The worst that was found of what cites this page, as a word of ours."""
    found = [support.verdict for support in supports if support.number == number]
    return f"verdict_{min(found, key=_WORST_FIRST.index, default='unavailable')}"


def host_of(url: str) -> str:
    """What a person takes a source by: its host, or the path of a library page."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return parts.hostname or ""
    return unquote(url.partition(":")[2].lstrip("/"))


def _actions(buttons: Buttons, language: Language) -> Iterator[Block]:
    elements = [_button("quotes", buttons.answer_id, language)]
    if buttons.more:
        elements.insert(0, _button("more", buttons.answer_id, language))
    if buttons.share:
        elements += [_button("share", buttons.answer_id, language), _button("keep", buttons.answer_id, language)]
    yield {"type": "actions", "block_id": f"do-{buttons.answer_id}", "elements": elements}
    yield {"type": "context_actions", "elements": [_feedback(buttons.answer_id, language)]}


def _button(name: str, value: str, language: Language) -> Block:
    return {"type": "button", "action_id": name, "value": value, "text": _label(words(name, language))}


def _label(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def _feedback(answer_id: str, language: Language) -> Block:
    return {
        "type": "feedback_buttons",
        "action_id": "feedback",
        "positive_button": {"text": _label(words("helpful", language)), "value": f"helpful.{answer_id}"},
        "negative_button": {"text": _label(words("not_helpful", language)), "value": f"not_helpful.{answer_id}"},
    }


def _whole(answer: Answer) -> str:
    """The file of an answer that is too long: Markdown with its sources."""
    lines = [answer.text.strip(), "", f"## {words('sources', answer.language)}", ""]
    for source in answer.sources:
        if source.cited:
            verdict = words(verdict_of(answer.supports, source.number), answer.language)
            lines.append(f"[{source.number}] {source.title} {source.url} {source.date} {verdict}")
    return "\n".join(lines) + "\n"


def quotes_view(answer: Answer) -> Block:
    """The modal: each cited page with the sentences that rest on it and its own words."""
    language, blocks = answer.language, list[Block]()
    for source in [source for source in answer.sources if source.cited][:MOST_FOOTNOTES]:
        blocks.append(section(footnote(source, verdict_of(answer.supports, source.number), language)))
        for support in [one for one in answer.supports if one.number == source.number and one.quote]:
            if len(blocks) < MOST_QUOTES:
                claim = line_of(answer.text[support.claim_start : support.claim_end], 500)
                blocks.append(context(f"{words(f'verdict_{support.verdict}', language)}: {claim}"))
                blocks.append(section(f">{line_of(support.quote, 1_500)}"))
    shown = blocks or [section(words("no_quotes", language))]
    return {"type": "modal", "title": _label(words("quotes", language)[:24]), "blocks": shown[:100]}
