// One batch on its page: how it stands, what can be done with it, and why rows failed.

import { localTime } from "./card.js";
import { el, plain } from "./elements.js";
import * as service from "./service.js";
import { number, table } from "./tables.js";
import { meaning, say } from "./words.js";

const FINAL = ["failed", "completed", "expired", "cancelled"];
const MOST_ERRORS = 20;

export class BatchRow {
  /** page: {attempt(action), tell(text), gone(id)}. */
  constructor(batch, page) {
    Object.assign(this, { id: batch.id, page, failures: [], after: 0, more: false });
    this.title = el("h4");
    this.bar = el("progress", { max: 1 });
    this.words = el("p");
    this.about = el("p", { class: "faint" });
    this.errors = el("ul", { class: "failed" });
    this.buttons = Object.fromEntries(["cancel", "retry", "forget"].map((name) => [name, el("button", { type: "button", onclick: () => void this.#do(name) })]));
    this.files = Object.fromEntries(["table_file", "answers_file", "errors_file"].map((name) => [name, el("a", { class: "button", download: true })]));
    this.rows = el("div");
    this.summary = el("summary");
    this.details = el("details", { ontoggle: () => this.details.open && !this.failures.length && void this.#look() }, this.summary, this.rows);
    this.element = el("section", { class: "batch-row" }, this.title, el("div", { class: "row" }, this.bar, this.words), this.errors, this.about,
      el("p", { class: "row" }, ...Object.values(this.files), ...Object.values(this.buttons)), this.details);
    this.show(batch);
  }

  get final() {
    return FINAL.includes(this.batch.status);
  }

  show(batch) {
    if (this.batch && batch.status !== this.batch.status) this.page.tell(`${this.#name(batch)}: ${say(`status_${batch.status}`)}`);
    this.batch = batch;
    this.relabel();
  }

  relabel() {
    const { status, request_counts: counts, kaozheng: ours, errors } = this.batch;
    const ended = counts.completed + counts.failed + ours.cancelled + ours.expired;
    this.title.replaceChildren(plain(this.#name(this.batch)), " ", el("span", { class: `badge status ${status}` }, say(`status_${status}`)));
    this.bar.value = counts.total ? ended / counts.total : 0;
    this.bar.setAttribute("aria-label", say("batch_of", { name: this.#name(this.batch) }));
    const more = [["cancelled_rows", ours.cancelled], ["expired_rows", ours.expired]].filter(([, count]) => count);
    const told = Object.fromEntries(Object.entries({ ended, ...counts, running: ours.running }).map(([name, count]) => [name, number(count)]));
    this.words.textContent = [say("progress", told), ...more.map(([name, count]) => say(name, { count: number(count) })), reasonOf(ours.reason)].filter(Boolean).join(" · ");
    this.errors.replaceChildren(...(errors?.data ?? []).slice(0, MOST_ERRORS).map((one) => el("li", {}, one.line ? say("line_bad", one) : plain(one.message))));
    this.#about();
    this.#offers(ended, counts);
  }

  #name(batch) {
    return plain(batch.metadata?.name || batch.id);
  }

  #about() {
    const { created_at: made, expires_at: until, usage, kaozheng: ours } = this.batch;
    const time = (seconds) => localTime(new Date(seconds * 1000).toISOString());
    const spent = usage.total_tokens ? say("spent", { tokens: number(usage.total_tokens), cost: ours.cost ? `, ${number(ours.cost)}` : "" }) : "";
    const rules = [
      ours.not_before && !this.final && say("starts_at", { time: time(ours.not_before) }), ours.window && say("hours", { hours: plain(ours.window) }),
      ours.ceiling_tokens && say("stops_tokens", { tokens: number(ours.ceiling_tokens) }), ours.ceiling_cost && say("stops_cost", { cost: number(ours.ceiling_cost) }),
    ];
    this.about.textContent = [this.id, say("made_at", { time: time(made) }), this.final ? "" : say("until", { time: time(until) }), ...rules, spent].filter(Boolean).join(" · ");
  }

  #offers(ended, counts) {
    const offered = { cancel: ["validating", "in_progress"].includes(this.batch.status), retry: this.final && counts.failed > 0, forget: this.final };
    for (const [name, button] of Object.entries(this.buttons)) [button.hidden, button.textContent] = [!offered[name], say(name)];
    const [answers, failed] = [this.batch.output_file_id, this.batch.error_file_id];
    const places = { table_file: ended && service.batchTable(this.id), answers_file: answers && service.fileAddress(answers), errors_file: failed && service.fileAddress(failed) };
    for (const [name, link] of Object.entries(this.files)) {
      [link.hidden, link.textContent] = [!places[name], say(name)];
      if (places[name]) link.href = places[name].href;
    }
    this.details.hidden = !counts.failed;
    this.summary.textContent = `${say("failures")} (${number(counts.failed)})`;
    if (this.failures.length) this.#failures();
  }

  async #do(name) {
    if (name === "forget" && !confirm(say("forget_sure"))) return;
    this.buttons[name].disabled = true;
    await this.page.attempt(async () => {
      if (name === "forget") {
        await service.batchForget(this.id);
        return this.page.gone(this.id);
      }
      const batch = await service.batchDo(this.id, name);
      [this.failures, this.after, this.details.open] = [[], 0, false];
      this.rows.replaceChildren();
      return this.show(batch);
    });
    this.buttons[name].disabled = false;
  }

  /** Twenty failures more. */
  async #look() {
    await this.page.attempt(async () => {
      const found = await service.batchFailures(this.id, this.after);
      this.failures.push(...found.data);
      [this.after, this.more] = [found.last_place, found.has_more];
      this.#failures();
    });
  }

  #failures() {
    const rows = this.failures.map((row) => [plain(row.custom_id ?? row.id), why(row)]);
    const more = el("button", { type: "button", onclick: () => void this.#look() }, say("more_failures"));
    this.rows.replaceChildren(table("failures", [["row_id", 0], ["why", 0]], rows), this.more ? more : "");
  }
}

/** Why it ended early, in the reader's language where we know it. */
function reasonOf(reason) {
  const ceiling = /^the ceiling of (\S+)( tokens)? is reached$/.exec(reason);
  if (ceiling) return say(ceiling[2] ? "ceiling_tokens" : "ceiling_cost", { limit: ceiling[1] });
  return reason === "cancelled by its owner" ? "" : plain(reason);
}

/** The code in the reader's language, and what the service says about it. */
function why({ error, response }) {
  const body = response?.body ?? {};
  const { code, message } = error ?? body.error ?? { code: body.code, message: body.detail };
  const words = meaning(code, message ?? "");
  return plain(message && message !== words ? `${words} (${message})` : words);
}
