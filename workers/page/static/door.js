// What each page of ours has at its top: language, colours, logging in and out, and the way to the other pages.

import { byId } from "./elements.js";
import { choice, choose } from "./past.js";
import * as service from "./service.js";
import { chosenLanguage, current, explained, meaning, speak } from "./words.js";

/** page: {words(): in the language that is spoken now; entered(): somebody has logged in; left(): before logging out;
 * quiet: no key is asked for until something is refused}. */
export async function open(page) {
  byId("language").addEventListener("click", () => {
    choose("language", current() === "zh" ? "en" : "zh");
    words(page);
  });
  byId("theme").addEventListener("click", theme);
  byId("login").addEventListener("submit", (event) => void logIn(event, page));
  byId("logout").addEventListener("click", () => void logOut(page));
  colours();
  words(page);
  await service.json("login").then((state) => known(state, page.quiet), () => {});
}

function words(page) {
  speak(chosenLanguage(choice("language"), navigator.languages));
  const other = byId("language");
  [other.textContent, other.lang] = current() === "zh" ? ["English", "en"] : ["中文", "zh"];
  page.words();
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = choice("theme") || (dark ? "dark" : "light");
  choose("theme", now === "dark" ? "light" : "dark");
  colours();
}

function colours() {
  const chosen = choice("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}

export function showLogin() {
  byId("login").hidden = false;
  byId("logout").hidden = true;
  byId("key").focus();
}

async function logIn(event, page) {
  event.preventDefault();
  byId("login-problem").textContent = "";
  try {
    known(await service.post("login", { key: byId("key").value }), page.quiet);
    byId("key").value = "";
    page.entered();
  } catch (refused) {
    byId("login-problem").textContent = refused.code === "wrong_key" ? meaning("wrong_key") : failed(refused);
  }
}

async function logOut(page) {
  page.left();
  try {
    await service.call("logout", { method: "POST" });
    service.setToken("");
    Object.assign(service.session, { logged_in: false, scopes: [] });
    ways();
    byId("login-problem").textContent = "";
  } catch (refused) {
    byId("login-problem").textContent = failed(refused);
  }
  showLogin();
}

function known(state, quiet) {
  service.setToken(state.token);
  Object.assign(service.session, state);
  byId("login").hidden = quiet || !state.needed || state.logged_in;
  byId("logout").hidden = !state.logged_in;
  if (!byId("login").hidden) showLogin();
  if (state.refused) byId("login-problem").textContent = meaning("wrong_key");
  ways();
}

/** Links to the pages that this key may use. */
function ways() {
  for (const link of document.querySelectorAll("[data-scope]")) link.hidden = !service.session.scopes.includes(link.dataset.scope);
}

/** What was refused, in the reader's words. A key that is not accepted any more has to be given again. */
export function failed(refused) {
  if (refused.status === 401) showLogin();
  return explained(refused instanceof service.Refused ? refused : new service.Refused("internal"));
}
