// The service over HTTP: addresses relative to this page, problems as errors, streams that are taken up again.

const ROOT = new URL(".", document.baseURI);
const RETRY_MS = [300, 1000, 2000, 4000, 8000, 8000, 8000, 8000];
const SILENCE_MS = 50_000; // the service says something at least every 15 s

/** What was refused. code: a word of the service's table of problems, or `network`. */
export class Refused extends Error {
  constructor(code, detail = "", status = 0) {
    super(detail || code);
    Object.assign(this, { code, detail, status });
  }
}

let token = "";
export const setToken = (given) => {
  token = given;
};

/** What `login` told last. needed: whether there are keys here. */
export const session = { needed: false, logged_in: false, scopes: [] };

export const address = (path) => new URL(path, ROOT);

export async function call(path, given = {}) {
  const headers = { Accept: "application/json", ...given.headers };
  if (token && given.method && given.method !== "GET") headers["X-CSRF-Token"] = token;
  let response;
  try {
    response = await fetch(address(path), { ...given, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("network");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  const { code, message } = told.error ?? { code: told.code, message: told.detail }; // OpenAI's paths have a form of their own
  throw new Refused(String(code ?? "internal"), String(message ?? ""), response.status);
}

export const json = async (path, given) => (await call(path, given)).json();

/** Starts a run that lives in the store. files: of the reader; each request is one body. */
export function start(asked, files) {
  return json("v1/answers", { method: "POST", ...bodyOf({ ...asked, background: true }, files) });
}

/** Without a store there are no runs to come back to: the events of a direct answer. */
export async function* direct(asked, files, signal) {
  const response = await call("v1/answers", { method: "POST", ...bodyOf({ ...asked, stream: true }, files), signal });
  yield* eventsOf(response, signal);
}

function bodyOf(asked, files) {
  if (!files.length) return { body: JSON.stringify(asked), headers: { "Content-Type": "application/json" } };
  const form = new FormData();
  form.append("request", JSON.stringify(asked));
  for (const file of files) form.append("files", file, file.name);
  return { body: form };
}

/** All events of a run, the last one included; broken streams go on behind the last event that came. */
export async function* follow(id, signal, onBreak) {
  let last = "";
  for (let tried = 0; ; tried += 1) {
    try {
      const headers = last ? { Accept: "text/event-stream", "Last-Event-ID": last } : { Accept: "text/event-stream" };
      const response = await call(`v1/answers/${encodeURIComponent(id)}/events`, { headers, signal });
      for await (const event of eventsOf(response, signal)) {
        [last, tried] = [event.id || last, 0];
        yield event;
        if (["answered", "failed", "cancelled"].includes(event.name)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const passing = error.code === "network" || error.status >= 500 || error.status === 408;
      if (error instanceof Refused && !passing) throw error;
    }
    if (signal.aborted) return;
    if (tried >= RETRY_MS.length) throw new Refused("network");
    onBreak();
    await new Promise((done) => setTimeout(done, RETRY_MS[tried]));
  }
}

async function* eventsOf(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const left = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", left, { once: true });
  let unread = "";
  try {
    for (;;) {
      const { value, done } = await withinSilence(reader);
      if (done) return;
      const blocks = (unread + value).split("\n\n");
      unread = blocks.pop();
      for (const block of blocks) {
        const event = eventOf(block);
        if (event) yield event;
      }
    }
  } finally {
    signal.removeEventListener("abort", left);
    left();
  }
}

async function withinSilence(reader) {
  let timer;
  const silence = new Promise((_, refuse) => {
    timer = setTimeout(() => refuse(new Refused("network")), SILENCE_MS);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function eventOf(block) {
  const fields = new Map();
  for (const line of block.split("\n")) {
    const found = /^(event|id|data): ?(.*)$/.exec(line);
    if (found) fields.set(found[1], found[2]);
  }
  if (!fields.has("data")) return undefined;
  return { name: fields.get("event"), id: fields.get("id"), fields: JSON.parse(fields.get("data")) };
}

export const cancel = (id) => call(`v1/answers/${encodeURIComponent(id)}/cancel`, { method: "POST" });
export const answers = (after) => json(`v1/answers?limit=20${after ? `&after=${encodeURIComponent(after)}` : ""}`);
export const forget = (id) => call(`v1/answers/${encodeURIComponent(id)}`, { method: "DELETE" });
export const answer = (id) => json(`v1/answers/${encodeURIComponent(id)}`);

/** An answer of one's own by its id, a shared one by the token of its link. */
const placeOf = ({ id, token }) => (token ? `v1/shared/${encodeURIComponent(token)}` : `v1/answers/${encodeURIComponent(id)}`);
export const source = (answer, number) => json(`${placeOf(answer)}/sources/${number}`);
export const sourcePage = (answer, number) => address(`${placeOf(answer)}/sources/${number}`);

export const shared = (token) => json(placeOf({ token }));
export const links = (id) => json(`${placeOf({ id })}/shares`);
export const revoke = (id, link) => call(`${placeOf({ id })}/shares/${encodeURIComponent(link)}`, { method: "DELETE" });
export const share = (id, wanted) => post(`${placeOf({ id })}/shares`, wanted);

export const post = (path, body) => json(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

/** The doctor's findings as they come. */
export async function* examined() {
  const response = await call("v1/operator/doctor", { method: "POST" });
  yield* eventsOf(response, new AbortController().signal);
}

export const batches = (after = "") => json(`v1/batches?limit=20${after ? `&after=${encodeURIComponent(after)}` : ""}`);
const batchPath = (id, action = "") => `v1/batches/${encodeURIComponent(id)}${action}`;
export const batch = (id) => json(batchPath(id));
export const batchDo = (id, action) => json(batchPath(id, `/${action}`), { method: "POST" });
export const batchForget = (id) => json(batchPath(id), { method: "DELETE" });
export const batchFailures = (id, after) => json(batchPath(id, `/rows?outcome=failed&limit=20&after=${after}`));
export const batchTable = (id) => address(batchPath(id, "/table"));
export const fileAddress = (id) => address(`v1/files/${encodeURIComponent(id)}/content`);

export function upload(name, content) {
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", content, name);
  return json("v1/files", { method: "POST", body: form });
}
