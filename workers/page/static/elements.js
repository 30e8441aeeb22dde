// Elements without markup: text is always text.

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== "" && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** An address of the web, or "": only such ones become links. */
export function webAddress(url) {
  return /^https?:\/\/[^\s]+$/i.test(url) ? url : "";
}

/** A link that tells the other site nothing about us; plain text where there is no address of the web. */
export function linkTo(url, text) {
  if (!webAddress(url)) return el("span", {}, text);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}

/** Offsets of the service count code points; this is the text between two of them. */
export function codePoints(text, start, end) {
  if (!/[\ud800-\udfff]/.test(text)) return text.slice(start, end);
  return Array.from(text).slice(start, end).join("");
}

/** Characters that turn the direction of what follows are left out. */
export function plain(text) {
  return String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
}
