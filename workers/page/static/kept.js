// Changes an element into another one of its kind and keeps each node that stays the same: the reader's focus and
// selection stay with it, and only what is new is laid out again.

/** old becomes what fresh is; fresh is used up. */
export function become(old, fresh) {
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, at) => {
    if (at >= before.length) old.append(node);
    else if (!kept(before[at], node)) before[at].replaceWith(node);
  });
  for (const left of before.slice(after.length)) left.remove();
}

function kept(there, node) {
  if (there.nodeName !== node.nodeName) return false;
  if (there.nodeType === Node.TEXT_NODE) return written(there, node.data);
  if (there.nodeName === "BUTTON") return there.number !== undefined && there.number === node.number;
  if (!sameAttributes(there, node)) return false;
  if (there.tex !== undefined) return there.tex === node.textContent;
  become(there, node);
  return true;
}

function written(text, words) {
  if (words.startsWith(text.data)) {
    if (words.length > text.data.length) text.appendData(words.slice(text.data.length));
  } else text.data = words;
  return true;
}

/** data-set is a mark of ours: this formula stands. */
function sameAttributes(there, node) {
  const names = [...there.attributes].filter(({ name }) => name !== "data-set");
  return names.length === node.attributes.length && names.every(({ name, value }) => node.getAttribute(name) === value);
}
