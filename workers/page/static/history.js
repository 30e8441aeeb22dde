// The answers that were given before: of a key those that the service keeps, on every device; without keys those that this
// browser remembers.

import { localTime } from "./card.js";
import { byId, el, plain } from "./elements.js";
import * as past from "./past.js";
import * as service from "./service.js";
import { meaning, say } from "./words.js";

let last = ""; // the id of the last answer that is shown
let latest = 0;

const own = () => service.session.logged_in;

/** page: {open(row), failed(refused): its words, tell(text)}. */
export async function list(page) {
  const asked = (latest += 1);
  byId("past-list").replaceChildren();
  byId("past-where").textContent = say(service.session.needed ? "history_key" : "history_where");
  byId("past-clear").hidden = true;
  byId("past-more").hidden = true;
  byId("past-problem").textContent = "";
  if (service.session.needed && !own()) return void (byId("past-problem").textContent = meaning("missing_key"));
  if (!own()) return show(page, past.past(), false);
  byId("past-list").replaceChildren(el("li", { class: "faint" }, say("loading")));
  await fetched(page, "", asked);
}

export async function more(page) {
  await fetched(page, last, (latest += 1));
}

async function fetched(page, after, asked) {
  try {
    const found = await service.answers(after);
    if (asked !== latest) return;
    if (!after) byId("past-list").replaceChildren();
    const rows = found.answers.map((row) => ({ ...row, when: row.created }));
    show(page, [...(after ? [] : unlisted(rows, found.has_more)), ...rows], found.has_more, Boolean(after));
  } catch (refused) {
    if (asked !== latest) return;
    if (!after) byId("past-list").replaceChildren();
    byId("past-problem").textContent = page.failed(refused);
  }
}

/** What was asked in this tab and has no answer: it goes on, or has failed. */
function unlisted(rows, hasMore) {
  const oldest = hasMore ? Date.parse(rows.at(-1).when) : 0;
  return past.past().filter(({ id, when }) => Date.parse(when) >= oldest && rows.every((row) => row.id !== id));
}

function show(page, rows, hasMore, added = false) {
  last = rows.at(-1)?.id ?? last;
  const items = rows.map((row) => item(page, row));
  if (added) byId("past-list").append(...items);
  else byId("past-list").replaceChildren(...(items.length ? items : [el("li", { class: "faint" }, say("history_none"))]));
  if (added) items[0]?.querySelector("button").focus();
  byId("past-more").hidden = !hasMore;
  byId("past-clear").hidden = own() || !rows.length;
}

function item(page, row) {
  const open = el("button", { type: "button", class: "row-open", onclick: () => page.open(row) },
    el("span", {}, plain(row.question)), el("span", { class: "faint" }, localTime(row.when)));
  const drop = el("button", { type: "button", "aria-label": say("history_drop", { question: plain(row.question) }), title: say("forget_answer") }, "✕");
  const made = el("li", { class: "past-row" }, open, drop);
  drop.addEventListener("click", () => void forget(page, row, made));
  return made;
}

/** Gone at the service too: the answer, its pages, its turn in the conversation. */
async function forget(page, row, made) {
  if (!confirm(say("forget_answer_sure"))) return;
  byId("past-problem").textContent = "";
  try {
    await service.forget(row.id);
  } catch (refused) {
    if (refused.code !== "not_found") return void (byId("past-problem").textContent = page.failed(refused));
  }
  past.forget(row.id);
  const next = made.nextElementSibling ?? made.previousElementSibling;
  made.remove();
  if (next) next.querySelector("button").focus();
  else byId("history").focus();
  if (!next) byId("past-list").append(el("li", { class: "faint" }, say("history_none")));
  page.tell(say("forgotten_now"));
}
