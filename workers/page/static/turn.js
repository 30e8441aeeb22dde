// One question and what becomes of it: the steps, the reasoning, the answer as it grows, the proof.

import { closeCard, openCard, SIGNS, verdictOf } from "./card.js";
import { Answer } from "./blocks.js";
import { el, plain } from "./elements.js";
import { wanted } from "./formulae.js";
import { ENOUGH, Pace } from "./pace.js";
import { finished } from "./proof.js";
import { Thoughts } from "./thoughts.js";
import { meaning, say, verdictWord } from "./words.js";

const MOST_STEPS = 300;
const FOR_A_FRAME = 10; // chips: each is painted anew
let made = 0;

/** An element whose words change with the language. */
export function said(tag, name, values = {}, given = {}) {
  return el(tag, { ...given, "data-say": name, "data-with": JSON.stringify(values) }, say(name, values));
}

export class Turn {
  /** tell(text): says it to a screen reader. */
  constructor(question, tell) {
    made += 1;
    Object.assign(this, { question, tell, text: "", answer: undefined, over: false, proven: false, read: 0, skipped: 0 });
    [this.cited, this.points, this.heard] = [[], 0, 0]; // markers by their place in code points; how many are judged
    this.began = performance.now();
    this.title = el("h2", { id: `turn-${made}`, tabindex: "-1" }, plain(question));
    this.state = said("summary", "starting");
    this.steps = el("ol");
    this.work = el("details", { class: "work" }, this.state, this.steps);
    this.thoughts = new Thoughts();
    this.reasoning = el("details", { hidden: true }, said("summary", "reasoning"), this.thoughts.element);
    this.notices = el("div");
    this.shown = el("div", { class: "answer" });
    this.after = el("div", { class: "after" });
    this.element = el("article", { class: "turn", "aria-labelledby": this.title.id },
      this.title, this.work, this.reasoning, this.notices, this.shown, this.after);
    this.element.dataset.running = "";
    this.view = new Answer(this.shown, (number) => this.#chip(number));
    this.pace = new Pace(() => this.#drawn());
  }

  /** Takes one event of the service. True: it was the last one. */
  take({ name, fields }) {
    const took = {
      text: () => this.#grow(fields.text),
      judged: () => this.#hear(fields),
      thinking: () => this.#think(fields.text),
      cited: () => {
        this.view.sources.set(fields.number, { url: fields.url, title: fields.title });
        this.cited.push({ number: fields.number, at: this.points });
        this.#grow(`[citation:${fields.number}]`);
      },
      answered: () => this.finish(fields),
      failed: () => this.fail(fields.code, fields.message),
      cancelled: () => this.stop(),
    }[name];
    if (took) took();
    else this.#step(name, fields);
    return ["answered", "failed", "cancelled"].includes(name);
  }

  #step(name, fields) {
    const step = STEPS[name]?.(fields);
    if (name === "page_read") this.read += 1;
    if (name === "page_skipped") this.skipped += 1;
    if (!step) return;
    if (this.steps.childElementCount < MOST_STEPS) this.steps.append(step);
    if (!this.text) this.#head(step.dataset.say, JSON.parse(step.dataset.with));
  }

  #head(name, values = {}) {
    this.state.dataset.say = name;
    this.state.dataset.with = JSON.stringify(values);
    this.state.textContent = say(name, values);
  }

  #think(text) {
    this.reasoning.hidden = false;
    if (!this.thoughts.any) this.#say("thinking");
    this.thoughts.add(text);
    this.pace.wake();
  }

  #grow(text) {
    if (!this.text) this.#say("writing");
    this.text += text;
    this.points += Array.from(text).length;
    this.pace.wake();
  }

  /** A sentence was judged while others are still written. */
  #hear({ start, end, supports }) {
    for (const one of this.cited.slice(this.heard)) {
      if (one.at >= end) break;
      this.heard += 1;
      if (one.at >= start) one.support = supports.find(({ number }) => number === one.number);
    }
    this.pace.wake();
  }

  /** Chips of the sentences that were judged so far: the n-th chip is the n-th marker, as long as they agree. */
  *#heard() {
    for (const [at, chip] of this.view.chips().slice(0, this.heard).entries()) {
      const { number, support } = this.cited[at];
      if (chip.number !== number) return;
      if (!support || chip.support) continue;
      mark(chip, number, support);
      if (at % FOR_A_FRAME === FOR_A_FRAME - 1) yield ENOUGH;
    }
  }

  #say(name, values = {}) {
    this.#head(name, values);
    this.tell(say(name, values));
  }

  *#drawn() {
    const { answer, over } = this;
    this.thoughts.draw();
    const language = languageOf(answer, this.text);
    if (this.shown.lang !== language) this.shown.lang = language; // once: a change is a change of style for all that stands there
    yield* this.view.drawn(this.text, Boolean(answer));
    this.view.growing(!over);
    if (!over) yield* this.#heard();
    void wanted(this.shown).then((come) => come && this.pace.wake());
    if (answer && !this.proven) yield* this.#prove();
    else if (over) this.relabel();
  }

  /** Nothing more will come. */
  #end() {
    this.over = true;
    delete this.element.dataset.running;
    this.pace.hurry();
  }

  leave() {
    this.pace.leave();
    this.element.remove();
  }

  /** answer: the authoritative one, from the last event or from the store. What is below it follows when it is drawn. */
  finish(answer) {
    this.answer = answer;
    this.text = answer.text;
    for (const source of answer.sources) this.view.sources.set(source.number, source);
    this.title.textContent = plain(answer.question);
    if (answer.thinking) {
      this.reasoning.hidden = false;
      this.thoughts.become(answer.thinking);
    }
    this.seconds = answer.seconds || (performance.now() - this.began) / 1000;
    this.#end();
  }

  *#prove() {
    yield* this.#judge(this.answer);
    yield ENOUGH;
    this.#notices(this.answer);
    const [proof, ...others] = this.#finished(this.answer);
    for (const part of others) {
      this.after.append(part);
      yield part.nodeName === "OL" ? ENOUGH : undefined;
    }
    this.after.prepend(proof);
    this.proven = true;
    this.#done(this.answer.sources.length, this.answer.skipped.length, this.seconds);
    this.tell(say("done"));
  }

  /** The answer, {} if there will be none, undefined while it is written. */
  #settled() {
    return this.answer ?? (this.over ? {} : undefined);
  }

  /** In the language that is spoken now. */
  relabel() {
    const answer = this.answer;
    for (const chip of this.view.chips()) mark(chip, chip.number, chip.support, this.#settled());
    if (this.failure) this.#told();
    if (this.proven) this.#proof(answer);
  }

  #proof(answer) {
    this.#notices(answer);
    this.after.replaceChildren(...this.#finished(answer));
  }

  #finished(answer) {
    return finished(answer, { chip: (number, support) => this.#made(number, support), tell: this.tell });
  }

  #notices(answer) {
    const told = answer.status === "answered" ? [] : [said("p", answer.status, {}, { class: `notice${answer.status === "partial" ? "" : " bad"}` })];
    if (answer.degraded) told.push(said("p", "degraded", { why: reasonOf(answer.degraded) }, { class: "notice" }));
    else if (answer.model === "quoting-reader") told.push(said("p", "quoting", {}, { class: "notice" }));
    if (answer.stored === false) told.push(said("p", "not_stored", {}, { class: "notice" }));
    this.notices.replaceChildren(...told);
  }

  fail(code, detail) {
    this.failure = { code, detail };
    this.#broken();
    this.#told();
    this.tell(meaning(code, detail));
  }

  stop() {
    this.#broken();
    this.notices.replaceChildren(said("p", "stopped", {}, { class: "notice" }));
    this.tell(say("stopped"));
  }

  /** Why it failed, with the service's own words where they say more, and the way to ask it again. */
  #told() {
    const { code, detail } = this.failure;
    const words = meaning(code, detail);
    const more = detail && words !== detail ? el("span", { class: "faint" }, ` ${plain(detail)}`) : "";
    const again = said("button", "again", {}, { type: "button" });
    again.addEventListener("click", () => this.element.dispatchEvent(new CustomEvent("again", { detail: this.question, bubbles: true })));
    this.notices.replaceChildren(el("p", { class: "notice bad", role: "alert" }, words, more), el("p", {}, again));
  }

  broke() {
    this.#say("resuming");
  }

  #done(pages, skipped, seconds) {
    this.#head(skipped ? "steps" : "steps_all", { pages, skipped, seconds: seconds.toFixed(1) });
  }

  /** It ends without an answer: what was written stays, and nobody will judge it. */
  #broken() {
    this.#end();
    this.#done(this.read, this.skipped, (performance.now() - this.began) / 1000);
  }

  #chip(number) {
    return this.#made(number, undefined);
  }

  /** support: what the judge found for it; undefined while it is not judged. */
  #made(number, support) {
    const chip = el("button", { type: "button", class: "chip", "aria-expanded": "false", "aria-controls": "card" });
    chip.addEventListener("click", () => {
      if (chip.getAttribute("aria-expanded") === "true") return closeCard();
      const source = this.view.sources.get(number);
      return openCard(chip, { answer: this.#settled(), number, source, support: chip.support });
    });
    mark(chip, number, support, this.#settled());
    return chip;
  }

  /** The n-th chip is the n-th citation; its support is that of the sentence that it stands in. */
  *#judge(answer) {
    const chips = this.view.chips();
    const inOrder = chips.length === answer.citations.length && chips.every((chip, at) => chip.number === answer.citations[at].number);
    for (const [at, chip] of chips.entries()) {
      const supports = answer.supports.filter((one) => one.number === chip.number);
      const place = inOrder ? answer.citations[at] : undefined;
      mark(chip, chip.number, nearest(supports, place), answer);
      if (at % FOR_A_FRAME === FOR_A_FRAME - 1) yield ENOUGH;
    }
  }
}

const SAMPLE = 400; // characters that show what language a text is in

function languageOf(answer, text) {
  if (answer) return answer.language === "zh" ? "zh-CN" : "en";
  return /[\u4e00-\u9fff]/.test(text.slice(0, SAMPLE)) ? "zh-CN" : "en";
}

/** `code: the service's clause`, said in the reader's language where the code is known. */
function reasonOf(degraded) {
  const [code, detail] = plain(degraded).split(/: (.*)/s);
  return meaning(code, detail ? plain(degraded) : code);
}

function nearest(supports, place) {
  if (!place) return supports.length === 1 ? supports[0] : supports.find((one) => one.verdict !== "supported") ?? supports[0];
  const around = supports.find((one) => one.claim_start <= place.start && place.start <= one.claim_end);
  return around ?? supports.filter((one) => one.claim_end <= place.start).at(-1);
}

function mark(chip, number, support, answer) {
  const verdict = verdictOf(answer, support);
  Object.assign(chip, { number, support, className: `chip ${verdict}` });
  chip.dataset.digits = String(number).length;
  chip.textContent = [number, SIGNS[verdict]].filter(Boolean).join(" ");
  chip.setAttribute("aria-label", say("cite", { number, verdict: verdictWord(verdict) }));
  chip.title = verdictWord(verdict);
}

const STEPS = {
  queued: ({ position }) => said("li", "queued", { position }),
  planned: ({ queries, urls, fallback }) => {
    const item = queries.length || !urls.length ? said("li", queries.length ? "searching" : "plan_enough", { queries: plain(queries.join(" · ")) })
      : said("li", "opening", { urls: plain(urls.join(" · ")) });
    if (fallback) item.title = say("fallback", { why: meaning(fallback) });
    return item;
  },
  searched: ({ query, engine, results }) => said("li", "searched", { query: plain(query), engine, results }),
  search_failed: ({ query, reason, detail }) => said("li", "search_failed", { query: plain(query), why: meaning(reason, plain(detail)) }, { class: "failed" }),
  page_read: ({ url, title, characters }) => said("li", "page_read", { title: plain(title || url), characters }),
  page_skipped: ({ url, reason, detail }) => said("li", "page_skipped", { url: plain(url), why: meaning(reason, plain(detail)) }, { class: "failed" }),
  packed: ({ pages }) => said("li", "packed", { pages: pages.length }),
  verified: () => said("li", "verifying"),
  gap: () => said("li", "gap"),
};
