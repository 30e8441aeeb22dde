// An answer in an element, block by block: what did not change stays as it is, and the work is done in small pieces.

import { plain } from "./elements.js";
import * as formulae from "./formulae.js";
import { become } from "./kept.js";
import { Shown } from "./markdown.js";

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
    yield* formulae.set(this.place);
  }

  chips() {
    return [...this.place.querySelectorAll("button.chip")];
  }

  /** Whether there was anything to do. seen: the sources and the definitions of links that are known by now. */
  #put(at, token, seen) {
    const known = this.blocks[at];
    if (known?.raw === token.raw && (!known.open || known.seen === seen)) return false;
    const made = document.createElement("div");
    made.className = "block";
    if (token.type !== "space") made.append(this.shown.fragment([token]));
    for (const span of made.querySelectorAll("span.cite")) span.replaceWith(this.chipOf(Number(span.textContent)));
    if (known) become(known.element, made);
    else this.place.append(made);
    this.blocks[at] = { raw: token.raw, element: known?.element ?? made, seen, open: this.#open(token.raw) };
    return true;
  }

  /** Whether what is not known yet may change it: a source makes a chip of a marker, a definition a link of brackets. */
  #open(raw) {
    const markers = [...raw.matchAll(/\[citation:(\d{1,4})\]/g)];
    return /:\/\/|\[(?!citation:\d)/.test(raw) || markers.some(([, number]) => !this.sources.has(Number(number)));
  }
}
