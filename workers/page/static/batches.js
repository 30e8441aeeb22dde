// The page of batches: make one of a file, watch it, get its answers, cancel it, try again, forget it.

import { BatchRow } from "./batch-row.js";
import * as door from "./door.js";
import { byId, el, plain } from "./elements.js";
import { LinesRefused, requestLines } from "./lines.js";
import * as service from "./service.js";
import { number } from "./tables.js";
import { say } from "./words.js";

const WATCH_MS = 3_000;
let rows = new Map(); // by id, the latest first
let busy = false;
let broken = false; // the last look at what runs was in vain
let sent; // {file, id, endpoint}: what was uploaded last, so that starting after a check does not send it again

function problem(text) {
  byId("problem").textContent = text;
}

async function attempt(action) {
  problem("");
  try {
    return await action();
  } catch (refused) {
    problem(refused instanceof LinesRefused ? refused.message : door.failed(refused));
    return undefined;
  }
}

const page = {
  attempt,
  tell(text) {
    byId("live").textContent = text;
  },
  gone(id) {
    rows.get(id)?.element.remove();
    rows.delete(id);
    empty();
  },
};

function empty() {
  const none = byId("none") ?? el("p", { id: "none", class: "faint", "data-say": "batch_none" });
  none.textContent = say("batch_none");
  if (rows.size) none.remove();
  else byId("list").append(none);
}

function show(batch, first) {
  const known = rows.get(batch.id);
  if (known) return known.show(batch);
  const row = new BatchRow(batch, page);
  rows.set(batch.id, row);
  if (first) byId("list").prepend(row.element);
  else byId("list").append(row.element);
  empty();
}

async function list(after = "") {
  const found = await service.batches(after);
  for (const batch of found.data) show(batch, false);
  byId("more").hidden = !found.has_more;
  byId("more").dataset.after = found.last_id ?? "";
  empty();
}

byId("more").addEventListener("click", () => void attempt(() => list(byId("more").dataset.after)));

byId("make").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  working(true);
  await attempt(() => make(event.submitter?.value === "check"));
  working(false);
});

function working(now) {
  busy = now;
  byId("check").disabled = now;
  byId("start").disabled = now;
}

/** The file stays chosen until its batch is there. */
async function make(dry) {
  const file = byId("file").files[0];
  byId("told").replaceChildren();
  if (!file) throw new LinesRefused(say("no_file"));
  if (sent?.file !== file) {
    const { endpoint, content } = await requestLines(file);
    page.tell(say("uploading"));
    sent = { file, endpoint, id: (await service.upload(file.name, content)).id };
  }
  page.tell(say("checking"));
  const wanted = { input_file_id: sent.id, endpoint: sent.endpoint, completion_window: byId("within").value, metadata: { name: file.name.slice(0, 200) } };
  const made = await service.post("v1/batches", { ...wanted, kaozheng: { ...rules(), dry_run: dry } });
  if (dry) return reckoned(made);
  sent = undefined;
  byId("file").value = "";
  byId("told").replaceChildren();
  show(made, true);
  page.tell(say("started"));
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** When it may run and how far it may go, as the service takes it. Raises LinesRefused. */
function rules() {
  const [at, from, till, tokens, cost] = ["at", "from", "till", "most-tokens", "most-cost"].map((id) => byId(id).value);
  if (!from !== !till) throw new LinesRefused(say("both_hours"));
  return {
    ...(at && { at: new Date(at).toISOString() }),
    ...(from && { window: `${from}-${till} ${zone}` }),
    ...(tokens && { ceiling_tokens: Number(tokens) }),
    ...(cost && { ceiling_cost: Number(cost) }),
  };
}

function reckoned({ request_counts: counts, about, at_most: most, currency, errors }) {
  const cost = (amount) => (amount.cost ? `, ${number(amount.cost)} ${currency}` : "");
  const tokens = (amount) => number(amount.prompt_tokens + amount.completion_tokens);
  const words = say("reckoned", {
    good: number(counts.good), total: number(counts.total), bad: number(counts.bad), searches: number(about.searches), pages: number(about.pages),
    tokens: tokens(about), cost: cost(about), most_tokens: tokens(most), most_cost: cost(most),
  });
  const bad = errors.map(({ line, message }) => el("li", {}, say("line_bad", { line, message: plain(message) })));
  byId("told").replaceChildren(el("p", {}, words), bad.length ? el("ul", { class: "failed" }, ...bad) : "");
  page.tell(words);
}

async function watch() {
  const open = [...rows.values()].filter((row) => !row.final);
  if (document.hidden || !open.length) return;
  for (const row of open) {
    const found = await service.batch(row.id).catch((refused) => refused);
    if (found.code === "not_found") page.gone(row.id);
    else if (found instanceof Error) {
      broken = true;
      return problem(door.failed(found));
    } else row.show(found);
  }
  if (broken) problem("");
  broken = false;
}

async function watchOn() {
  await watch();
  setTimeout(watchOn, WATCH_MS);
}

await door.open({
  quiet: false,
  words() {
    for (const row of rows.values()) row.relabel();
    if (byId("none")) empty();
    byId("zone").textContent = say("your_clock", { zone });
    byId("told").replaceChildren();
  },
  entered: () => void attempt(list),
  left() {
    for (const row of rows.values()) row.element.remove();
    rows = new Map();
    byId("told").replaceChildren();
    byId("more").hidden = true;
  },
});
if (byId("login").hidden) await attempt(list);
void watchOn();
document.documentElement.dataset.ready = "";
