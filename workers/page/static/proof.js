// What stands below an answer: how much of it is proven, its sources, what failed, what was corrected.

import { localTime } from "./card.js";
import { codePoints, el, linkTo, plain } from "./elements.js";
import { meaning, say } from "./words.js";

const MOST_ROWS = 100;

/** made: {chip(number, support), tell(text)}. */
export function finished(answer, made) {
  const cited = answer.sources.filter((source) => source.cited);
  const spare = answer.sources.filter((source) => !source.cited);
  return [
    el("p", { class: "proof" }, proof(answer)),
    cited.length ? el("h3", {}, say("sources")) : "",
    cited.length ? el("ol", { class: "sources" }, ...cited.map((source) => sourceRow(answer, source, made))) : "",
    cited.length ? el("p", { class: "faint" }, readAt(cited, answer.created)) : "",
    folded("conflicts", answer.conflicts, conflictRow(answer)),
    folded("corrections", answer.corrections, correctionRow),
    folded("offers", answer.offers, (offer) => [`[${offer.number}] `, el("q", {}, plain(offer.quote)), " → ", plain(slice(answer, offer))]),
    folded("flaws", answer.flaws, (flaw) => plain(flaw.detail || flaw.rule)),
    folded("failed_pages", answer.skipped, (skipped) => [linkTo(skipped.url, plain(skipped.url)), ": ", meaning(skipped.reason, plain(skipped.detail))]),
    folded("not_cited", spare, (source) => linkTo(source.url, plain(source.title || source.url))),
    actions(answer, made.tell),
  ].filter(Boolean);
}

/** When the cited pages were read: out of a cache, that was before the question came. */
function readAt(cited, created) {
  const times = cited.map(({ read }) => read || created).filter(Boolean).sort();
  if (!times.length) return "";
  const [first, last] = [localTime(times[0]), localTime(times.at(-1))];
  return first === last ? say("pages_read", { time: first }) : say("pages_read_between", { first, last });
}

function proof({ report, citations }) {
  if (!citations.length || !report.cited) return say("proof_nothing");
  return say(report.supported ? "proof" : "proof_none", report);
}

function sourceRow(answer, source, made) {
  const support = answer.supports.find((one) => one.number === source.number);
  const about = [source.site, source.date, source.truncated && say("truncated")].filter(Boolean).map(plain).join(" · ");
  return el("li", {}, made.chip(source.number, support), " ", linkTo(source.url, plain(source.title || source.url)), about && el("span", { class: "faint" }, ` ${about}`));
}

function folded(name, rows, shown) {
  if (!rows.length) return "";
  const items = rows.slice(0, MOST_ROWS).map((row) => el("li", {}, ...[shown(row)].flat()));
  return el("details", { class: name }, el("summary", {}, say(name, { count: rows.length })), el("ul", {}, ...items));
}

const slice = (answer, one) => codePoints(answer.text, one.start, one.end).replace(/\[citation:\d+\]/g, "");

const correctionRow = ({ before, after }) => [el("del", {}, plain(before)), " → ", el("ins", {}, plain(after) || "∅")];

const conflictRow = (answer) => (conflict) => [
  `${plain(slice(answer, conflict))} — `, say("says", { ...conflict.says, value: plain(conflict.says.value) }), "; ",
  say("against", { ...conflict.against, value: plain(conflict.against.value) }), ": ", el("q", {}, plain(conflict.against.quote)),
];

function actions(answer, tell) {
  const copy = el("button", { type: "button" }, say("copy"));
  copy.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(asMarkdown(answer)).then(() => "copied", () => "copy_failed");
    copy.textContent = say(copied);
    tell(say(copied));
  });
  const panel = el("div");
  const opened = () => import("./share.js").then(({ toggle }) => toggle({ share, panel, answer, tell }));
  const share = el("button", { type: "button", "aria-expanded": "false", onclick: opened }, say("share"));
  const about = say("seconds", { seconds: answer.seconds.toFixed(1), model: plain(answer.model) });
  return el("div", {}, el("p", { class: "row actions" }, copy, answer.stored && answer.id ? share : "", el("span", { class: "faint" }, `${say("generated")} ${about}`)), panel);
}

/** Markers as [n], and the list of the pages that they mean. */
export function asMarkdown(answer) {
  const text = answer.text.replace(/\[citation:(\d+)\]/g, "[$1]");
  const rows = answer.sources.filter((source) => source.cited).map((source) => `[${source.number}] ${oneLine(source.title)} <${oneLine(source.url)}>`);
  return [`# ${oneLine(answer.question)}`, text, rows.join("\n")].filter(Boolean).join("\n\n") + "\n";
}

const oneLine = (text) => plain(text).replace(/\s+/g, " ").trim();
