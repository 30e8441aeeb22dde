// The model's reasoning as it grows, in parts, so that a long one is not laid out anew with each word.

import { el, plain } from "./elements.js";

const MOST = 200_000; // characters
const PART = 2_000; // from here on a part ends with its line
const MOST_PART = 16_000;

export class Thoughts {
  constructor() {
    this.element = el("div", { class: "thought", tabindex: "0" });
    [this.text, this.there, this.part] = ["", 0, undefined];
  }

  get any() {
    return this.text !== "";
  }

  add(text) {
    if (this.text.length < MOST) this.text = (this.text + plain(text)).slice(0, MOST);
  }

  /** The whole of it is known now; what stands there already is not drawn anew. */
  become(text) {
    const whole = plain(text).slice(0, MOST);
    if (!whole.startsWith(this.text)) [this.there, this.part] = [this.element.replaceChildren() ?? 0, undefined];
    this.text = whole;
  }

  draw() {
    while (this.there < this.text.length) {
      if (!this.part) this.element.append(el("div", {}, (this.part = document.createTextNode(""))));
      const end = this.#end();
      this.part.appendData(this.text.slice(this.there, end));
      this.there = end;
      if (this.part.length >= MOST_PART || (this.part.length >= PART && this.part.data.endsWith("\n"))) this.part = undefined;
    }
  }

  /** Where this part ends, as far as is known now. */
  #end() {
    const began = this.there - this.part.length;
    const line = this.text.indexOf("\n", Math.max(this.there, began + PART - 1));
    return Math.min(line < 0 ? this.text.length : line + 1, began + MOST_PART);
  }
}
