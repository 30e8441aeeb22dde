// Numbers and tables of the operator's page and of the page of batches, and their words.

import { el } from "./elements.js";
import { current, say, teach } from "./words.js";
import { EN, ZH } from "./words-tables.js";

teach(EN, ZH);

export const number = (value) => Number(value).toLocaleString(current() === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: 4 });

/** columns: [name, number or not]; rows: lists of words or elements. */
export function table(name, columns, rows) {
  if (!rows.length) return el("p", { class: "faint" }, say("none"));
  const head = columns.map(([column, right]) => el("th", { scope: "col", class: right && "number" }, say(column)));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, at) => el("td", { class: columns[at][1] && "number" }, cell))));
  const made = el("table", { "aria-label": say(name) }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": say(name) }, made);
}
