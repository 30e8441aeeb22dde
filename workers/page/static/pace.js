// Drawing in pieces, so that no frame waits for it: a few milliseconds of each frame, and never more than half of the time.

const SLICE_MS = 6;
const MOST_PAUSE_MS = 3_000;
const HIDDEN_MS = 50;

/** Yielded for a piece of work whose greater part comes when the frame is laid out. */
export const ENOUGH = Symbol("enough for this frame");

/** drawn(): a generator that draws what there is when it begins, and yields wherever it may be interrupted. */
export class Pace {
  constructor(drawn) {
    Object.assign(this, { drawn, drawing: undefined, again: false, asked: false, spent: 0, timer: 0, until: 0 });
  }

  /** Something changed: it will be drawn once more from its beginning. */
  wake() {
    this.again = true;
    if (!this.asked) this.#ask();
  }

  /** As wake, without the pause: nothing more will come. */
  hurry() {
    this.until = 0;
    if (this.timer) [this.asked, this.timer] = [clearTimeout(this.timer), 0];
    this.wake();
  }

  leave() {
    clearTimeout(this.timer);
    Object.assign(this, { drawn: function* () {}, drawing: undefined, again: false });
  }

  #ask() {
    [this.asked, this.timer] = [true, 0];
    const pause = this.until - performance.now();
    if (pause > 0) this.timer = setTimeout(() => this.#ask(), pause);
    else if (document.hidden) setTimeout(() => this.#slice(), HIDDEN_MS); // no frame is drawn there
    else requestAnimationFrame(() => this.#slice());
  }

  #slice() {
    const from = performance.now();
    this.asked = false;
    if (!this.drawing) [this.drawing, this.again, this.spent] = [this.drawn(), false, 0];
    let [done, value] = [false, undefined];
    try {
      while (!done && value !== ENOUGH && performance.now() - from < SLICE_MS) ({ done, value } = this.drawing.next());
    } catch (error) {
      this.drawing = undefined; // the next piece of text begins anew
      throw error;
    }
    this.spent += performance.now() - from;
    if (done) [this.drawing, this.until] = [undefined, performance.now() + Math.min(MOST_PAUSE_MS, 2 * this.spent)];
    if (!done || this.again) this.#ask();
  }
}
