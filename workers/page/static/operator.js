// The operator's page: what works, what runs and waits, what is kept, who uses how much; and the doctor.

import { localTime } from "./card.js";
import * as door from "./door.js";
import { byId, el, plain } from "./elements.js";
import * as service from "./service.js";
import { number, table } from "./tables.js";
import { meaning, say } from "./words.js";

const REFRESH_MS = 10_000;
const SIGNS = { works: "✓", warning: "!", fails: "✗", skipped: "–" };
let latest; // what was shown last
let examining = false;

const mebibytes = (bytes) => `${number(Math.round(bytes / 2 ** 20))} MiB`;

async function look() {
  byId("problem").textContent = "";
  try {
    latest = await service.json("v1/operator");
    show();
  } catch (refused) {
    latest = undefined;
    byId("overview").replaceChildren();
    byId("doctor").hidden = true;
    byId("problem").textContent = door.failed(refused);
  }
}

function show() {
  if (!latest) return;
  byId("doctor").hidden = false;
  byId("when").textContent = say("as_of", { time: localTime(latest.time), version: latest.version });
  byId("overview").replaceChildren(works(latest), queue(latest.queue), caches(latest), keys(latest.limits), counted(latest.counted));
}

function section(name, ...content) {
  return el("section", {}, el("h3", {}, say(name)), ...content);
}

const said = (problem) => el("p", { class: "problem" }, meaning(problem));

function works({ ready, parts, answers }) {
  const rows = parts.map((part) => finding({ part: part.name, verdict: part.works ? "works" : part.needed ? "fails" : "warning", said: part.detail }));
  const load = say(answers.stopping ? "stopping_now" : "answers_now", answers);
  return section("now", el("p", {}, el("strong", { class: ready ? "works" : "fails" }, say(ready ? "ready" : "not_ready")), " · ", load), el("ul", { class: "findings" }, ...rows));
}

function finding({ part, verdict, said: words, remedy }) {
  const sign = el("strong", { class: verdict }, `${SIGNS[verdict] ?? "?"} ${say(verdict)}`);
  return el("li", {}, sign, " ", el("b", {}, plain(part)), " ", plain(words ?? ""), remedy ? el("span", { class: "remedy" }, `→ ${plain(remedy)}`) : "");
}

function queue(found) {
  if (found.problem) return section("queue", said(found.problem));
  const rows = found.shown.map((job) => [
    job.id, plain(job.user), say(`status_${job.status}`), number(job.total), number(job.completed), number(job.failed), number(job.running),
    localTime(new Date(job.created * 1000).toISOString()),
  ]);
  const columns = [["job", 0], ["owner", 0], ["status", 0], ["rows", 1], ["completed", 1], ["failed_rows", 1], ["running", 1], ["created", 0]];
  return section("queue", el("p", {}, say("queue_now", found)), table("queue", columns, rows));
}

function caches({ caches: { pages, prefix }, store }) {
  const rows = [];
  const share = (part, whole) => (whole ? `${number(Math.round((100 * part) / whole))} %` : say("nothing_yet"));
  if (pages.problem) rows.push([say("cache_pages"), meaning(pages.problem), ""]);
  else rows.push([say("cache_pages"), say(pages.whole ? "kept_pages" : "kept_more", { count: number(pages.kept) }), share(pages.found, pages.asked)]);
  rows.push([say("cache_prefix"), say("kept_tokens", { count: number(prefix.cached_tokens) }), share(prefix.cached_tokens, prefix.prompt_tokens)]);
  const kept = store.problem ? said(store.problem)
    : el("p", {}, say("store_now", { server: plain(store.server), used: mebibytes(store.used_bytes), most: store.most_bytes ? mebibytes(store.most_bytes) : "∞", poisoned: number(store.poisoned) }));
  return section("caches", table("caches", [["cache", 0], ["kept", 0], ["hits", 1]], rows), kept);
}

function keys({ usual, keys: known, more_keys: more, problem }) {
  if (problem) return section("limits", said(problem));
  const set = Object.entries(usual).filter(([, limit]) => limit).map(([name, limit]) => `${say(name)}: ${number(limit)}`);
  const columns = [["key_name", 0], ["scopes", 0], ["expires", 0], ["requests_per_minute", 1], ["requests_per_day", 1], ["concurrent_runs", 1], ["tokens_per_day", 1], ["cost_per_day", 1], ["cost_total", 1]];
  const rows = known.map((key) => [
    el("span", { title: key.id }, plain(key.name) || key.id), key.scopes.join(" "),
    key.expired ? el("strong", { class: "fails" }, say("link_expired")) : key.expires ? localTime(key.expires) : say("never"),
    ...columns.slice(3).map(([name]) => used(key, name)),
  ]);
  return section("limits", el("p", {}, set.length ? say("usual_limits", { limits: set.join(" · ") }) : say("no_limits")),
    table("limits", columns, rows), more ? el("p", { class: "faint" }, say("more_keys", { count: more })) : "");
}

function used(key, name) {
  const limit = key.limits[name];
  const words = `${number(key.used[name])}${limit ? ` / ${number(limit)}` : ""}`;
  return limit && key.used[name] >= limit ? el("strong", { class: "fails" }, words) : words;
}

function counted(rows) {
  const shown = rows.map(({ name, labels, value }) => [name, Object.entries(labels).map(([label, word]) => `${label}=${word}`).join(" "), number(value)]);
  return el("details", {}, el("summary", {}, say("counted", { count: rows.length })), table("metrics", [["metric", 0], ["labels", 0], ["value", 1]], shown));
}

byId("again").addEventListener("click", () => void look());

byId("examine").addEventListener("click", async () => {
  if (examining) return;
  [examining, byId("examine").disabled] = [true, true];
  byId("findings").replaceChildren();
  byId("problem").textContent = "";
  byId("live").textContent = say("doctor_runs");
  try {
    for await (const { name, fields } of service.examined()) {
      if (name === "finding") byId("findings").append(finding(fields));
      else byId("live").textContent = say("doctor_done", { fails: 0, warning: 0, ...fields });
    }
  } catch (refused) {
    byId("problem").textContent = door.failed(refused);
  }
  [examining, byId("examine").disabled] = [false, false];
});

await door.open({
  quiet: false,
  words: show,
  entered: () => void look(),
  left() {
    latest = undefined;
    byId("overview").replaceChildren();
    byId("findings").replaceChildren();
    byId("doctor").hidden = true;
  },
});
if (byId("login").hidden) await look();
setInterval(() => {
  const reading = document.querySelector("#overview details[open]") || byId("overview").contains(document.activeElement);
  if (latest && !document.hidden && !reading) void look();
}, REFRESH_MS);
document.documentElement.dataset.ready = "";
