// An answer in an element, block by block: what did not change stays as it is, and the work is done in small pieces.

import { plain } from "./elements.js";
import * as formulae from "./formulae.js";
import { become } from "./kept.js";
import { Shown } from "./markdown.js";

const CONTAINER = ":scope > ul, :scope > ol, :scope > .wide > table > tbody";

const parts = ({ type }) => ({ table: "rows", list: "items" })[type];

/** What of a table or list has to be the same for its earlier rows to stay. */
const formOf = (token) => (token.type === "list" ? `${token.type} ${token.ordered} ${token.start} ${token.loose}` : token.raw.split("\n", 2).join("\n"));

/** The text of the first rows or items; of a table with what stands above them. */
function textOf(token, count) {
  if (token.type === "list") return token.items.slice(0, count).map(({ raw }) => raw).join("");
  return token.raw.split("\n").slice(0, count + 2).join("\n");
}

/** All rows or items but the last, which may still grow: how many, and their text. */
function settled(token) {
  const count = (token[parts(token)]?.length ?? 0) - 1;
  return count > 0 ? { count, text: textOf(token, count), form: formOf(token) } : undefined;
}

/** sources: of what is shown, from number to {url, title}. chipOf(number): the button that stands for a marker. */
export class Answer {
  constructor(place, chipOf) {
    this.place = place;
    this.chipOf = chipOf;
    this.sources = new Map();
    this.shown = new Shown(this.sources);
    this.blocks = [];
  }

  /** At once; `drawn` does the same in pieces. */
  update(given, whole = false) {
    for (const _ of this.drawn(given, whole));
  }

  /** Yields after each piece of work. whole: read from the first letter, as a finished text is; otherwise only from the last block on. */
  *drawn(given, whole = false) {
    const text = plain(given).replace(/\r\n?/g, "\n");
    let at = whole ? 0 : Math.max(0, this.blocks.length - 1);
    let settled = this.blocks.slice(0, at).map((block) => block.raw).join("");
    if (!text.startsWith(settled)) [at, settled] = [0, ""];
    const tokens = this.shown.lex(text.slice(settled.length));
    const seen = `${this.sources.size} ${Object.keys(tokens.links).length}`;
    yield;
    for (const token of tokens) {
      if (this.#put(at, token, seen)) yield;
      at += 1;
    }
    for (const block of this.blocks.splice(at)) block.element.remove();
    formulae.set(this.place);
  }

  /** The block that grows has a sign at its end. */
  growing(now) {
    const last = now ? this.blocks.at(-1)?.element : undefined;
    if (this.last === last) return;
    this.last?.classList.remove("growing");
    last?.classList.add("growing");
    this.last = last;
  }

  chips() {
    return [...this.place.querySelectorAll("button.chip")];
  }

  /** Whether there was anything to do. seen: the sources and the definitions of links that are known by now. */
  #put(at, token, seen) {
    const known = this.blocks[at];
    if (known?.raw === token.raw && (!known.open || known.seen === seen)) return false;
    const grown = known && (!known.open || known.seen === seen) && this.#more(known, token);
    const made = grown ? known.element : this.#made(token);
    if (!known) this.place.append(made);
    else if (!grown) become(known.element, made);
    this.blocks[at] = { raw: token.raw, element: known?.element ?? made, seen, open: this.#open(token.raw), settled: settled(token) };
    return true;
  }

  #made(token) {
    const made = document.createElement("div");
    made.className = "block";
    if (token.type !== "space") made.append(this.shown.block(token));
    for (const span of made.querySelectorAll("span.cite")) span.replaceWith(this.chipOf(Number(span.textContent)));
    return made;
  }

  /** A table gets the rows that are new, a list its items: whether that was all that had to be done. */
  #more(known, token) {
    const { count, text, form } = known.settled ?? {};
    const of = parts(token);
    if (!of || !count || form !== formOf(token) || token[of].length <= count || text !== textOf(token, count)) return false;
    const there = known.element.querySelector(CONTAINER);
    const fresh = this.#made({ ...token, [of]: token[of].slice(count) }).querySelector(CONTAINER);
    if (there?.childElementCount !== count + 1 || fresh?.childElementCount !== token[of].length - count) return false;
    const [last] = fresh.children;
    const nodes = [...fresh.childNodes];
    const added = nodes.slice(nodes.indexOf(last) + 1);
    while (there.lastChild !== there.lastElementChild) there.lastChild.remove(); // the end of a line, which comes again
    become(there.lastElementChild, last);
    there.append(...added);
    return true;
  }

  /** Whether what is not known yet may change it: a source makes a chip of a marker, a definition a link of brackets. */
  #open(raw) {
    const markers = [...raw.matchAll(/\[citation:(\d{1,4})\]/g)];
    return /:\/\/|\[(?!citation:\d)/.test(raw) || markers.some(([, number]) => !this.sources.has(Number(number)));
  }
}
