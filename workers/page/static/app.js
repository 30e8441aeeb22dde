// The page: asks, follows, stops, asks on, and opens what was answered before.

import { Answer } from "./blocks.js";
import { closeCard, isOpen } from "./card.js";
import * as door from "./door.js";
import { byId, el } from "./elements.js";
import * as earlierAnswers from "./history.js";
import * as past from "./past.js";
import * as service from "./service.js";
import { Turn } from "./turn.js";
import { say } from "./words.js";

const MOST_TURNS = 30; // in the page; older ones stay in the history
const MOST_FILES = 10;
const MOST_FILE_BYTES = 20 * 1024 * 1024;

const READING = /\/shared$/.test(location.pathname); // somebody else's answer, by a link

let thread = "";
let turns = [];
let files = [];
let running = null; // {id, turn, stopper}

const ask = byId("ask");
const question = byId("question");

function tell(text) {
  byId("live").textContent = text;
}

function problem(text) {
  byId("problem").textContent = text;
}

function show(turn) {
  turns.push(turn);
  byId("turns").append(turn.element);
  for (const old of turns.splice(0, turns.length - MOST_TURNS)) old.leave();
  byId("welcome").hidden = true;
}

/** Focus goes where one types next; on a touch screen that would bring up the keyboard before the answer. */
function settle(title) {
  const place = matchMedia("(pointer: coarse)").matches ? title : question;
  place?.focus({ preventScroll: true });
}

function busy(now) {
  running = now;
  const had = [byId("stop"), byId("send")].includes(document.activeElement);
  byId("stop").hidden = !now;
  byId("stop").disabled = false;
  byId("send").hidden = Boolean(now);
  if (!now && byId("problem").textContent === say("still_running")) problem("");
  if (had) settle((now?.turn ?? turns.at(-1))?.title);
  const name = turns.length ? "follow_up" : "ask";
  byId("send").dataset.say = name;
  byId("send").textContent = say(name);
}

ask.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (!text) return;
  if (running) return problem(say("still_running"));
  problem("");
  const turn = new Turn(text, tell);
  const now = { id: "", turn, stopper: new AbortController() };
  busy(now);
  tell(say("starting"));
  const asked = { question: text, thinking: true };
  if (byId("depth").value) asked.depth = byId("depth").value;
  if (thread) asked.thread = thread;
  try {
    await begin(now, asked);
  } catch (refused) {
    const words = door.failed(refused);
    if (turn.element.isConnected) turn.fail(refused.code ?? "internal", refused.detail);
    else problem(words);
  }
  if (running === now) busy(null);
});

/** The words stay in the form until the service has taken them. */
async function begin(now, asked) {
  let events;
  try {
    const run = await service.start(asked, files);
    [now.id, thread] = [run.id, run.thread];
    past.remember({ id: run.id, question: asked.question, thread, when: new Date().toISOString() });
    history.replaceState(null, "", `#${run.id}`);
    events = service.follow(run.id, now.stopper.signal, () => now.turn.broke());
  } catch (refused) {
    if (!refused.code?.startsWith("store")) throw refused;
    events = service.direct(asked, files, now.stopper.signal);
  }
  let taken = false;
  for await (const event of events) {
    if (!taken) takeFromForm(now.turn);
    taken = true;
    if (event.name === "answered") {
      thread = event.fields.thread ?? thread;
      if (service.session.needed) past.forget(now.id); // the service lists it from now on
    }
    if (now.turn.take(event)) return;
  }
  if (running !== now) return;
  if (!taken) takeFromForm(now.turn);
  if (now.stopper.signal.aborted) now.turn.stop();
  else now.turn.fail("network", "");
}

function takeFromForm(turn) {
  question.value = "";
  past.keepDraft("");
  files = [];
  listFiles();
  show(turn);
  turn.element.scrollIntoView({ block: "start" });
  if (ask.contains(document.activeElement) || document.activeElement === document.body) settle(turn.title);
}

byId("stop").addEventListener("click", async () => {
  const now = running;
  if (!now) return;
  byId("stop").disabled = true;
  tell(say("stopping"));
  try {
    if (now.id) await service.cancel(now.id);
    else now.stopper.abort();
  } catch (refused) {
    problem(door.failed(refused));
    byId("stop").disabled = false;
  }
  settle(now.turn.title);
});

/** A question that failed comes back into the form, in front of what stands there. */
byId("turns").addEventListener("again", (event) => {
  question.value = [event.detail, question.value.trim()].filter(Boolean).join("\n\n");
  past.keepDraft(question.value);
  question.focus();
});

question.addEventListener("input", () => past.keepDraft(question.value));
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  ask.requestSubmit();
});

byId("attach").addEventListener("change", (event) => {
  add([...event.target.files]);
  event.target.value = "";
});
ask.addEventListener("dragover", (event) => event.preventDefault());
ask.addEventListener("drop", (event) => {
  event.preventDefault();
  add([...event.dataTransfer.files]);
});

function add(given) {
  problem("");
  for (const file of given) {
    if (file.size > MOST_FILE_BYTES) problem(say("too_large", { name: file.name }));
    else if (files.length >= MOST_FILES) problem(say("too_many"));
    else files.push(file);
  }
  listFiles();
}

function listFiles() {
  const rows = files.map((file) => {
    const drop = el("button", { type: "button", "aria-label": say("remove", { name: file.name }) }, file.name, " ✕");
    drop.addEventListener("click", () => {
      files = files.filter((one) => one !== file);
      listFiles();
      byId("attach").focus();
    });
    return el("li", {}, drop);
  });
  byId("files").replaceChildren(...rows);
}

byId("new").addEventListener("click", () => {
  leave();
  history.replaceState(null, "", location.pathname + location.search);
  question.focus();
});

/** A run that is left goes on; the history leads back to it. */
function leave() {
  running?.stopper.abort();
  closeCard();
  for (const turn of turns) turn.leave();
  [thread, turns] = ["", []];
  byId("welcome").hidden = false;
  busy(null);
}

byId("history").addEventListener("click", () => {
  const opened = byId("past").hidden;
  byId("past").hidden = !opened;
  byId("history").setAttribute("aria-expanded", String(opened));
  if (opened) listPast();
});

const earlier = {
  tell,
  failed: door.failed,
  open(row) {
    byId("history").click();
    leave();
    void open(row.id, row);
  },
};

const listPast = () => void earlierAnswers.list(earlier);

byId("past-more").addEventListener("click", () => void earlierAnswers.more(earlier));

byId("past-clear").addEventListener("click", () => {
  past.forget();
  listPast();
});

/** An answer that was given before, or the run that makes it, from its first event. */
async function open(id, row) {
  const turn = new Turn(row?.question ?? "…", tell);
  show(turn);
  history.replaceState(null, "", `#${id}`);
  const now = { id, turn, stopper: new AbortController() };
  busy(now);
  try {
    const kept = await service.answer(id);
    thread = kept.thread ?? row?.thread ?? "";
    if (kept.text !== undefined) turn.finish(kept);
    else if (kept.status !== "running" && kept.status !== "cancelling") turn.fail(kept.status === "cancelled" ? "cancelled" : kept.code ?? "internal", "");
    else for await (const event of service.follow(id, now.stopper.signal, () => turn.broke())) turn.take(event);
  } catch (refused) {
    if (refused.code === "not_found") past.forget(id);
    turn.fail(refused.code ?? "internal", "");
    door.failed(refused);
  }
  if (running === now) busy(null);
  turn.title.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isOpen()) closeCard();
});

function words() {
  closeCard();
  for (const turn of turns) turn.relabel();
  listFiles();
  if (!byId("past").hidden) listPast();
}

function openAsked() {
  if (READING) return void import("./shared.js").then((shared) => shared.open({ show, tell, login: door.showLogin }));
  const asked = location.hash.slice(1);
  const known = byId(asked) !== null || turns.length > 0 || !byId("login").hidden;
  if (/^[\w-]{1,64}$/.test(asked) && !known) void open(asked, past.past().find((row) => row.id === asked));
}

/** What is done for the first time takes long: better now, piece by piece, than within the first answer. A text of one
 * byte a character and one of two are different work for the same regular expression (30 ms for the latter's first). */
async function rehearse() {
  const answer = new Answer(el("div"), () => el("button", { class: "chip" }));
  answer.sources.set(1, { url: "https://a.example/", title: "" });
  for (const text of ["a", "山", "## a", "**b**[citation:1] <https://a.example/> $x^2$", "**山**[citation:1]，`海`", "- c\n\n| d |\n|---|\n| `e` |\n", "- 山\n\n| 海 |\n|---|\n| **高** |\n"]) {
    await new Promise((done) => setTimeout(done));
    answer.update(text);
  }
}

question.value = past.draft();
const rehearsed = rehearse();
await door.open({
  quiet: READING,
  words,
  entered() {
    problem("");
    question.focus();
    openAsked();
  },
  left() {
    leave();
    byId("past-list").replaceChildren(); // what a key has asked goes with it
    past.forget();
    if (!byId("past").hidden) byId("history").click();
  },
});
openAsked();
await rehearsed;
document.documentElement.dataset.ready = "";
