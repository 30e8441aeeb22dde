// Formulae by KaTeX, which comes when the first one does. What it cannot set stays as it was written.

import { ENOUGH, Pace } from "./pace.js";

const LIMITS = { throwOnError: true, trust: false, maxSize: 20, maxExpand: 200, strict: "ignore" };
let coming; // a promise while KaTeX is on its way

const FOR_A_FRAME = 4; // each is some seventy elements, which the browser then has to lay out
const NEAR = "300px"; // below and above what is seen
const seen = new WeakSet(); // formulae that are watched
let near = []; // formulae that the reader comes to
const pace = new Pace(setNear);
const watch = new IntersectionObserver((entries) => {
  near.push(...entries.filter((entry) => entry.isIntersecting).map(({ target }) => target));
  if (near.length) pace.wake();
}, { rootMargin: `${NEAR} 0px` });

function* setNear() {
  const spans = near;
  near = [];
  for (const [at, span] of spans.entries()) {
    watch.unobserve(span);
    if (span.isConnected && span.dataset.set === undefined) setOne(span);
    yield at % FOR_A_FRAME === FOR_A_FRAME - 1 ? ENOUGH : undefined;
  }
}

/** Sets what waits below an element, in the page as the reader comes to it. Nothing while KaTeX is not there. */
export function set(place) {
  if (!globalThis.katex) return;
  for (const span of place.querySelectorAll("span.math:not([data-set])")) {
    if (!place.isConnected) setOne(span);
    else if (!seen.has(span)) watch.observe(span);
    seen.add(span);
  }
}

addEventListener("beforeprint", () => document.querySelectorAll("span.math:not([data-set])").forEach((span) => globalThis.katex && setOne(span)));

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
