"""Nothing that a model or a page writes runs, loads, or leads anywhere but to a source."""

import json

import pytest
from playwright.async_api import Browser

from tests.page.browsing import Stage, tab
from tests.page.hostile import EVIL, TEXTS, hostile_scripts
from tests.page.scripted import TAI

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser"), pytest.mark.timeout(120)]

SAFE = """(root, sources) => {
  const tags = new Set(['DIV','P','BR','HR','H3','H4','H5','H6','UL','OL','LI','STRONG','EM','DEL','CODE','PRE',
    'BLOCKQUOTE','TABLE','THEAD','TBODY','TR','TH','TD','A','SPAN','BUTTON']);
  const names = new Set(['href','start','class','title','target','rel','tabindex','data-set','type','aria-label',
    'aria-expanded','aria-controls']);
  const wrong = [];
  for (const node of root.querySelectorAll('*')) {
    if (node.closest('.katex')) continue;
    if (!tags.has(node.tagName)) wrong.push(node.tagName);
    for (const { name } of node.attributes) if (!names.has(name)) wrong.push(`${node.tagName} ${name}`);
    if (node.tagName === 'A' && !sources.includes(node.getAttribute('href'))) wrong.push(node.outerHTML);
    if (node.tagName === 'BUTTON' && !/^chip /.test(node.className)) wrong.push(node.outerHTML);
  }
  return wrong;
}"""
EVERY_PREFIX = f"""async ([texts, url]) => {{
  const {{ Answer }} = await import('./page/blocks.js');
  const {{ wanted }} = await import('./page/formulae.js');
  const formula = document.createElement('div');
  formula.append(Object.assign(document.createElement('span'), {{ className: 'math' }}));
  if (!await wanted(formula)) throw new Error('no KaTeX');
  const safe = {SAFE};
  const wrong = [];
  let drawn = 0;
  for (const text of texts) {{
    const place = document.createElement('div');
    document.getElementById('turns').append(place);
    const chip = () => Object.assign(document.createElement('button'), {{ className: 'chip waiting' }});
    const answer = new Answer(place, chip);
    answer.sources.set(1, {{ url, title: 'Mount Tai' }});
    for (let end = 1; end <= text.length; end += 1, drawn += 1) {{
      answer.update(text.slice(0, end));
      for (const one of safe(place, [url])) wrong.push([text.slice(0, end), one]);
    }}
    answer.update(text, true);
    for (const one of safe(place, [url])) wrong.push([text, one]);
    place.remove();
  }}
  return [drawn, wrong];
}}"""
# As a person would, but without the pauses: type, send, wait for the proof, open the first two chips.
ASK_ALL = """async (questions) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let answered = 0;
  for (const question of questions) {
    if (answered % 20 === 0) document.getElementById('new').click();
    document.getElementById('question').value = question;
    document.getElementById('ask').requestSubmit();
    const until = performance.now() + 10_000;
    while (document.querySelectorAll('.turn .proof').length < answered % 20 + 1) {
      if (performance.now() > until) throw new Error(question);
      await frame();
    }
    for (const chip of [...document.querySelectorAll('.turn:last-child .chip')].slice(0, 2)) chip.click();
    while (!document.getElementById('stop').hidden) await frame();
    answered += 1;
  }
  return answered;
}"""


async def test_a_hundred_hostile_answers_run_nothing_and_ask_no_other_host(browser: Browser, stage: Stage) -> None:
    scripts = hostile_scripts()
    stage.scripts = {f"hostile {number}": script for number, script in enumerate(scripts)}
    async with tab(browser, stage.url) as walk:
        dialogs: list[str] = []
        walk.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        assert await walk.page.evaluate(ASK_ALL, list(stage.scripts)) == len(scripts)
        links = await walk.page.evaluate("[...document.querySelectorAll('.turn a, #card a')].map(a => a.href)")
        assert await walk.page.evaluate("window.pwned") is None
        assert walk.page.url.startswith(stage.url)
    assert len(scripts) == 100
    assert dialogs == []
    assert walk.abroad(stage.url) == []
    assert walk.complaints == []
    assert [link for link in links if link.startswith((EVIL, "javascript:", "data:"))] == []


async def test_every_prefix_of_a_hostile_answer_is_shown_safely(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        drawn, wrong = await walk.page.evaluate(EVERY_PREFIX, [TEXTS, TAI.url])
        assert await walk.page.evaluate("window.pwned") is None
    assert drawn == sum(len(text.encode("utf-16-le")) // 2 for text in TEXTS)
    assert wrong == [], json.dumps(wrong[:3])
    assert walk.abroad(stage.url) == []
    assert walk.complaints == []
