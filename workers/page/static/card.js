// The source card: the statement, the page's own words in their place, when the page was read, and where it is.

import { byId, codePoints, el, linkTo, plain, webAddress } from "./elements.js";
import { wordsOf } from "./markdown.js";
import * as service from "./service.js";
import { current, meaning, say, verdictWord } from "./words.js";

const BEFORE = 120; // code points of the page that are shown before the quote
const AFTER = 240;
let opened = null;
let latest = 0;

export const isOpen = () => opened !== null;

export function closeCard() {
  latest += 1;
  byId("card").hidden = true;
  if (!opened) return;
  opened.setAttribute("aria-expanded", "false");
  if (opened.isConnected) opened.focus();
  opened = null;
}

/** cited: {answer (undefined while it is written), number, source {url, title}, support (undefined: not judged)}. */
export async function openCard(chip, cited) {
  if (opened) opened.setAttribute("aria-expanded", "false");
  opened = chip;
  chip.setAttribute("aria-expanded", "true");
  const asked = (latest += 1);
  const kept = cited.answer?.stored ? service.source(cited.answer, cited.number).catch((problem) => problem) : undefined;
  show(cited, undefined, Boolean(kept));
  byId("card").focus();
  if (getComputedStyle(byId("card")).position === "fixed") chip.scrollIntoView({ block: "start" }); // above the card
  if (!kept) return;
  const evidence = await kept;
  if (asked === latest) show(cited, evidence, false);
}

function show(cited, evidence, loading) {
  const card = byId("card");
  const { answer, number, source, support } = cited;
  const page = evidence && !(evidence instanceof Error) ? evidence : undefined;
  const verdict = verdictOf(answer, support);
  card.replaceChildren(
    el("div", { class: "head" }, el("h2", { id: "card-title" }, `[${number}] `, plain(source.title || source.url)),
      el("button", { type: "button", onclick: closeCard, id: "card-close" }, say("close"))),
    el("p", {}, el("span", { class: `badge ${verdict}` }, [SIGNS[verdict], verdictWord(verdict)].filter(Boolean).join(" "))),
    ...statement(answer, support),
    ...(verdict === "unavailable" ? [el("p", { class: "notice" }, say(answer.text === undefined ? "never_judged" : "not_judged"))] : quoted(support, page)),
    loading ? el("p", { class: "faint" }, say("loading")) : "",
    evidence instanceof Error ? el("p", { class: "notice" }, evidence.code === "evidence_gone" ? say("source_gone") : meaning(evidence.code, evidence.detail)) : "",
    el("p", {}, address(source, support)),
    el("p", { class: "faint" }, when(source, page)),
    page ? el("p", {}, el("a", { href: service.sourcePage(answer, number), target: "_blank", rel: "noopener" }, say("open_kept"))) : "",
  );
  card.hidden = false;
  const mark = card.querySelector("mark"); // within the card: the answer stays where the reader has it
  if (mark && mark.offsetTop + mark.offsetHeight > card.clientHeight) card.scrollTop = mark.offsetTop - card.clientHeight / 3;
}

export const SIGNS = { supported: "✓", partial: "◐", unsupported: "✗", contradicted: "⚠", unavailable: "", waiting: "…" };

/** What is not judged when the answer is there, never will be. */
export const verdictOf = (answer, support) => support?.verdict ?? (answer ? "unavailable" : "waiting");

function statement(answer, support) {
  if (!answer || !support) return [];
  const claim = codePoints(answer.text, support.claim_start, support.claim_end).replace(/\[citation:\d+\]/g, "");
  return [el("h3", {}, say("statement")), el("p", {}, wordsOf(plain(claim)))];
}

const HONEST = { unsupported: "no_statement", contradicted: "otherwise", partial: "part_only" };

function quoted(support, page) {
  if (!support) return [];
  if (!support.quote) return [el("p", { class: "notice bad" }, say("no_statement"))];
  const before = page ? codePoints(page.text, Math.max(0, support.quote_start - BEFORE), support.quote_start) : "";
  const after = page ? codePoints(page.text, support.quote_end, support.quote_end + AFTER) : "";
  const quote = el("blockquote", {}, before && "… ", around(before), el("mark", {}, plain(support.quote)), around(after), after && " …");
  const honest = HONEST[support.verdict];
  return [honest && el("p", { class: honest === "part_only" ? "notice" : "notice bad" }, say(honest)), el("h3", {}, say("quote")), quote].filter(Boolean);
}

/** What stands around the quote, without the signs of Markdown that our reading of the page has put there. */
const around = (text) => plain(text).replace(/^#{1,6} /gm, "").replace(/\*\*|__|`/g, "");

function address(source, support) {
  if (!webAddress(source.url)) return plain(source.url);
  const link = webAddress(support?.link ?? "") && support.link.startsWith(source.url.split("#")[0]) ? support.link : source.url;
  return el("span", {}, linkTo(link, say(support?.link ? "open_live" : "open_page")), el("br"), el("span", { class: "faint" }, plain(source.url)));
}

function when(source, page) {
  const date = page?.date || source.date;
  const said = [date ? say("dated", { date: plain(date) }) : "", page?.read ? say("read_at", { time: localTime(page.read) }) : ""];
  return said.filter(Boolean).join(" · ");
}

export function localTime(iso) {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? plain(iso) : time.toLocaleString(current() === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" });
}
