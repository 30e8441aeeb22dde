// Formulae by KaTeX, which comes when the first one does. What it cannot set stays as it was written.

import { ENOUGH } from "./pace.js";

const LIMITS = { throwOnError: true, trust: false, maxSize: 20, maxExpand: 200, strict: "ignore" };
let coming; // a promise while KaTeX is on its way

const FOR_A_FRAME = 4; // each is some seventy elements, which the browser then has to lay out

/** Sets what waits below an element; yields after each, ENOUGH when a frame has enough of them. Nothing while KaTeX is
 * not there. */
export function* set(place) {
  if (!globalThis.katex) return;
  for (const [at, span] of [...place.querySelectorAll("span.math:not([data-set])")].entries()) {
    setOne(span);
    yield at % FOR_A_FRAME === FOR_A_FRAME - 1 ? ENOUGH : undefined;
  }
}

/** Loads KaTeX if there is anything to set. True: it has come, and what waits can be set now. */
export async function wanted(place) {
  if (globalThis.katex || !place.querySelector("span.math")) return false;
  coming ??= loaded().finally(() => {
    coming = undefined;
  });
  return coming.then(() => true, () => false);
}

function setOne(span) {
  span.tex = span.textContent;
  span.dataset.set = "";
  const shown = span.classList.contains("shown");
  const made = document.createElement("span");
  try {
    globalThis.katex.render(span.tex, made, { ...LIMITS, displayMode: shown });
    span.replaceChildren(...made.childNodes);
  } catch {
    span.textContent = shown ? `\\[${span.tex}\\]` : `\\(${span.tex}\\)`;
  }
}

async function loaded() {
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: new URL("./vendor/katex/katex.min.css", import.meta.url) });
  document.head.append(style);
  try {
    await import("./vendor/katex/katex.min.js");
  } catch (error) {
    style.remove();
    throw error;
  }
}
