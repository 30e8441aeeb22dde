// What the reader of a link sees: one answer and its proof, and no way to anything else of its owner's.

import { localTime } from "./card.js";
import { byId, el } from "./elements.js";
import * as service from "./service.js";
import { said, Turn } from "./turn.js";
import { meaning } from "./words.js";

/** page: {show(turn), tell(text), login()}. */
export async function open(page) {
  document.documentElement.dataset.reading = "";
  window.addEventListener("hashchange", () => location.reload());
  const token = location.hash.slice(1);
  try {
    const answer = await service.shared(token);
    const turn = new Turn(answer.question, page.tell);
    page.show(turn);
    turn.finish({ ...answer, token, stored: true });
    told(said("p", "shared_until", { time: localTime(answer.expires) }, { class: "faint" }));
    turn.title.focus();
  } catch (refused) {
    if (refused.status === 401) page.login();
    told(el("p", { class: "notice bad", role: "alert" }, meaning(refused.code ?? "internal")));
  }
}

function told(words) {
  const own = el("a", { href: service.address("./").href, "data-say": "shared_own" });
  byId("welcome").hidden = false;
  byId("welcome").replaceChildren(words, el("p", {}, own));
  own.textContent = said("span", "shared_own").textContent;
}
