"""An answer that grows is drawn in pieces: what stands there stays, and in the end it is the same as drawn at once."""

import json

import pytest
from playwright.async_api import Browser

from tests.page.browsing import HEIGHT, Stage, tab
from tests.page.hostile import TEXTS
from tests.page.scripted import Script
from tests.page.trace import frames_in

browsed = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]
RICH = HEIGHT.text + (
    "1. one[citation:1]\n2. two <https://tai.example/height>\n\n   more\n3. $x^2$ and \\(y_1\\)\n\n> said[citation:2]\n"
    "\n| a | b |\n|---|---|\n| 1[citation:1] | 2 |\n| 3 | $$z^3$$ |\n\n[link](https://tai.example/height) [1]: x\n\n"
    "```\ncode[citation:1]\n```\n\n$$\\frac{a}{b}$$\n\n[ref]\n\n[ref]: https://tai.example/height\n"
)
CHIP = """
  const chip = (number) => {
    const button = document.createElement('button');
    return Object.assign(button, { className: 'chip', number, textContent: number });
  };"""
GROWN = """async ([texts, url]) => {CHIP
  const { Answer } = await import('./page/blocks.js');
  const { wanted } = await import('./page/formulae.js');
  const formula = document.createElement('div');
  formula.append(Object.assign(document.createElement('span'), { className: 'math', textContent: 'x' }));
  if (!await wanted(formula)) throw new Error('no KaTeX');
  const answerOf = () => new Answer(document.createElement('div'), chip);
  const wrong = [];
  for (const text of texts) {
    const [grown, whole] = [answerOf(), answerOf()];
    for (let end = 3; end < text.length; end += 3) {
      if (end > text.length / 2) grown.sources.set(1, { url, title: 'Mount Tai' });
      grown.update(text.slice(0, end));
    }
    for (const one of [grown, whole]) one.sources.set(1, { url, title: 'Mount Tai' });
    grown.update(text, true);
    whole.update(text, true);
    const shown = [grown.place.innerHTML, whole.place.innerHTML];
    if (shown[0] !== shown[1]) wrong.push([text, ...shown]);
  }
  return wrong;
}""".replace("CHIP", CHIP)
STANDS = """async () => {CHIP
  const { Answer } = await import('./page/blocks.js');
  const place = document.createElement('div');
  document.body.append(place);
  const answer = new Answer(place, chip);
  answer.sources.set(1, { url: '', title: '' });
  answer.update('First.\\n\\nSecond[citation:1] and');
  const [first, second] = place.children;
  const button = place.querySelector('button');
  button.focus();
  answer.update('First.\\n\\nSecond[citation:1] and more[citation:1].\\n\\nThird.');
  answer.update('First.\\n\\nSecond[citation:1] and more[citation:1].\\n\\nThird.', true);
  return [place.children[0] === first, place.contains(second), document.activeElement === button, place.innerText];
}""".replace("CHIP", CHIP)
ROWS = """async () => {CHIP
  const { Answer } = await import('./page/blocks.js');
  const place = document.createElement('div');
  const answer = new Answer(place, chip);
  answer.sources.set(1, { url: '', title: '' });
  const kept = [];
  const table = ['|a|b|\\n|-|-|\\n|1|2|\\n', '|3|**4**[citation:1]|\\n|5|'];
  const list = ['1. a\\n2. b', 'c\\n   - d[citation:1]\\n3. e'];
  for (const [text, rows] of [table, list]) {
    answer.update(text);
    const first = place.querySelector('tbody tr, li');
    answer.update(text + rows);
    const whole = new Answer(document.createElement('div'), chip);
    whole.sources.set(1, { url: '', title: '' });
    whole.update(text + rows, true);
    const same = place.innerHTML === whole.place.innerHTML;
    kept.push([place.contains(first), same, place.querySelectorAll('button').length]);
    answer.update('');
  }
  return kept;
}""".replace("CHIP", CHIP)
LATER = """async () => {
  const shown = () => document.querySelectorAll('.answer .katex').length;
  const early = shown();
  document.querySelector('.answer .block:last-child').scrollIntoView();
  for (let waited = 0; shown() === early && waited < 600; waited += 1) await new Promise(requestAnimationFrame);
  const later = shown();
  dispatchEvent(new Event('beforeprint'));
  return [early, later, shown()];
}"""
THOUGHT = """async (pieces) => {
  const { Thoughts } = await import('./page/thoughts.js');
  const grown = new Thoughts();
  for (const piece of pieces) { grown.add(piece); grown.draw(); }
  const parts = [...grown.element.children].map((one) => one.textContent.length);
  const first = grown.element.firstChild;
  grown.become(pieces.join(''));
  grown.draw();
  const same = grown.element.firstChild === first;
  grown.become('other');
  grown.draw();
  return [parts, same, grown.element.textContent];
}"""


class TestInChromium:
    pytestmark = browsed

    async def test_a_grown_answer_is_the_same_as_one_drawn_at_once(self, browser: Browser, stage: Stage) -> None:
        async with tab(browser, stage.url) as walk:
            wrong = await walk.page.evaluate(GROWN, [[RICH, *TEXTS], "https://tai.example/height"])
            assert walk.complaints == []
        assert wrong == [], wrong[0]

    async def test_what_stands_there_stays_with_the_readers_focus(self, browser: Browser, stage: Stage) -> None:
        async with tab(browser, stage.url) as walk:
            first, second, focus, text = await walk.page.evaluate(STANDS)
        assert (first, second, focus) == (True, True, True)
        assert [line for line in text.split("\n") if line] == ["First.", "Second1 and more1.", "Third."]

    async def test_rows_and_items_that_stand_there_stay_while_more_come(self, browser: Browser, stage: Stage) -> None:
        async with tab(browser, stage.url) as walk:
            assert await walk.page.evaluate(ROWS) == [[True, True, 1], [True, True, 1]]

    async def test_a_formula_is_set_when_the_reader_comes_to_it_or_prints(self, browser: Browser, stage: Stage) -> None:
        stage.scripts["far"] = Script("\n\n".join(f"$$x_{{{n}}}$$" for n in range(200)), judged={})
        async with tab(browser, stage.url) as walk:
            await walk.ask("far")
            await walk.answered()
            await walk.page.wait_for_selector(".answer .katex")
            early, later, printed = await walk.page.evaluate(LATER)
        assert 0 < early < later < printed == 200

    async def test_reasoning_of_any_length_stands_word_for_word_in_parts(self, browser: Browser, stage: Stage) -> None:
        pieces = [f"Line {n} is thought over.\n" * (n % 3) + "and " for n in range(600)] + ["一" * 40_000]
        async with tab(browser, stage.url) as walk:
            parts, same, other = await walk.page.evaluate(THOUGHT, pieces)
        assert sum(parts) == sum(map(len, pieces))
        assert max(parts) <= 16_000
        assert len(parts) > 5
        assert same
        assert other == "other"


def test_the_trace_counts_a_task_once_and_for_its_own_frame() -> None:
    def event(name: str, at: int, **more: object) -> dict[str, object]:
        return {"name": name, "ts": at, "pid": 1, "tid": 1, "ph": "X", **more}

    frames = [event("AnimationFrame::Render", at, ph="b") for at in (10_000, 30_000, 90_000)]
    tasks = [
        event("ThreadControllerImpl::RunTask", 12_000, dur=8_000, tdur=5_000),
        event("RunTask", 12_100, dur=7_000, tdur=4_000),  # the same task, seen by another category
        event("RunTask", 40_000, dur=45_000, tdur=30_000),
        event("RunTask", 40_000, dur=99_000, tdur=99_000, tid=2),
    ]
    measured = frames_in(json.dumps({"traceEvents": frames + tasks}).encode())
    assert measured.cpu == (5.0, 30.0)
    assert measured.wall == (20.0, 60.0)
    assert measured.over(50) == 1
    with pytest.raises(ValueError, match="no frames"):
        frames_in(b'{"traceEvents": []}')
