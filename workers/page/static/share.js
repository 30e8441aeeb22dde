// Links to one answer: make one, copy it, take it back.

import { localTime } from "./card.js";
import { el } from "./elements.js";
import * as service from "./service.js";
import { explained, say } from "./words.js";

const DAYS = [1, 7, 30];

/** at: {share (the button), panel, answer, tell}. */
export function toggle(at) {
  const opened = at.panel.childElementCount === 0;
  at.share.setAttribute("aria-expanded", String(opened));
  if (!opened) return at.panel.replaceChildren();
  const parts = { problem: el("p", { class: "problem", role: "alert" }), made: el("div"), rows: el("ul", { class: "links" }) };
  at.panel.replaceChildren(form(at, parts), parts.problem, parts.made, parts.rows);
  at.panel.querySelector("select").focus();
  return attempt(parts, () => list(at, parts));
}

function form(at, parts) {
  const days = el("select", { name: "days" }, ...DAYS.map((count) => el("option", { value: count, selected: count === 7 }, say("days", { count }))));
  const anybody = el("input", { type: "checkbox", name: "anybody" });
  const given = el("form", { class: "share" },
    el("p", { class: "faint" }, say("share_what"), " ", service.session.needed ? "" : say("share_local")),
    el("p", { class: "row" }, el("label", { class: "inline" }, say("share_days"), " ", days),
      service.session.needed && el("label", { class: "inline" }, anybody, " ", say("share_anybody")),
      el("button", { type: "submit" }, say("share_make"))));
  given.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(parts, async () => {
      const made = await service.share(at.answer.id, { days: Number(days.value), anybody: anybody.checked });
      show(at, parts, service.address(made.link).href);
      await list(at, parts);
    });
  });
  return given;
}

function show(at, parts, address) {
  const field = el("input", { readonly: true, value: address, "aria-label": say("share_link"), class: "link" });
  const copy = el("button", { type: "button" }, say("share_copy"));
  copy.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(address).then(() => "copied", () => "copy_failed");
    copy.textContent = say(copied);
    at.tell(say(copied));
  });
  parts.made.replaceChildren(el("p", { class: "row" }, field, copy), el("p", { class: "faint" }, say("share_once")));
  field.select();
  at.tell(say("share_once"));
}

async function list(at, parts) {
  const { shares } = await service.links(at.answer.id);
  parts.rows.replaceChildren(...shares.map((link) => {
    const over = link.revoked ? "link_revoked" : Date.parse(link.expires) <= Date.now() ? "link_expired" : "";
    const revoke = el("button", { type: "button" }, say("link_revoke"));
    revoke.addEventListener("click", () => attempt(parts, async () => {
      await service.revoke(at.answer.id, link.id);
      await list(at, parts);
      at.tell(say("link_revoked"));
      at.share.focus();
    }));
    const words = [say("link_until", { time: localTime(link.expires) }), say(link.anybody ? "link_anybody" : "link_key"), over && say(over)];
    return el("li", {}, words.filter(Boolean).join(" · "), " ", over ? "" : revoke);
  }));
}

async function attempt(parts, action) {
  parts.problem.textContent = "";
  try {
    await action();
  } catch (refused) {
    parts.problem.textContent = explained(refused instanceof service.Refused ? refused : new service.Refused("internal"));
  }
}
