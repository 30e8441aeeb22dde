// Markdown of a model, shown while it grows. Whatever it holds, only text, structure, chips and links to sources come out.

import { Marked } from "./vendor/marked.esm.js";
import "./vendor/purify.min.js";
import { plain, webAddress } from "./elements.js";

const CLEAN = {
  ALLOWED_TAGS: ["p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "del", "code", "pre", "blockquote",
    "table", "thead", "tbody", "tr", "th", "td", "a", "span", "div"],
  ALLOWED_ATTR: ["href", "start", "class", "title"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  RETURN_DOM_FRAGMENT: true,
};
const OUR_CLASSES = new Set(["cite", "math", "math shown", "wide", "long"]);
const MATH = /^(?:\$\$([^$]{1,4000}?)\$\$|\\\[([^]{1,4000}?)\\\]|\\\(([^]{1,4000}?)\\\)|\$(?!\s)([^$\n]{1,400}?)(?<!\s)\$(?!\d))/;

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);

/** The same, but `&lt;` stays the sign that it stands for. */
const words = (text) => escaped(text.replace(/&(?=(?:#\d{1,7}|#[xX][a-fA-F\d]{1,6}|\w{1,31});)/g, "\u0000")).replaceAll("\u0000", "&");

function mathOf(source) {
  const found = MATH.exec(source);
  const money = found ? undefined : /^\$+/.exec(source); // at once: sign by sign, thousands of them took seconds
  if (money) return { type: "text", raw: money[0], text: money[0] };
  if (!found) return undefined;
  const tex = found.slice(1).find((piece) => piece !== undefined);
  // A dollar alone is money more often than mathematics.
  if (found[4] !== undefined && !/[\\^_={}]/.test(tex) && !/^[A-Za-z]$/.test(tex)) return undefined;
  return { type: "math", raw: found[0], tex, shown: found[1] !== undefined || found[2] !== undefined };
}

/** What a piece of Markdown says, without its signs; the cells of a row of a table stand apart. */
export function wordsOf(text) {
  const bare = text.replace(/^\s*\|?|\|\s*$/g, "").replace(/\s*\|\s*/g, " · ");
  const shown = new Shown(new Map());
  return shown.fragment(shown.lex(bare)).textContent.replace(/\s+/g, " ").trim() || text;
}

/** What holds a formula can be moved sideways where it is too wide for the page. */
function scrolled(formula) {
  let list = formula.closest("ul, ol");
  while (list?.parentElement?.closest("ul, ol")) list = list.parentElement.closest("ul, ol");
  const holder = list ?? formula.closest("p");
  if (holder) holder.className = "long";
}

/** Makes fragments of one answer. sources: from number to {url, title}; only their addresses become links. */
export class Shown {
  constructor(sources) {
    this.sources = sources;
    this.marked = new Marked({ gfm: true, extensions: [], silent: true });
    const isSource = (url) => Boolean(webAddress(url)) && [...sources.values()].some((source) => source.url === url);
    this.isSource = isSource;
    this.marked.use({
      extensions: [
        {
          name: "cite", level: "inline", start: (text) => text.indexOf("[citation:"),
          tokenizer(text) {
            const found = /^\[citation:(\d{1,4})\]/.exec(text);
            return found ? { type: "cite", raw: found[0], number: Number(found[1]) } : undefined;
          },
          renderer: ({ number, raw }) => (sources.has(number) ? `<span class="cite">${number}</span>` : escaped(raw)),
        },
        {
          name: "math", level: "inline", start: (text) => text.search(/\$|\\[[(]/),
          tokenizer: mathOf,
          renderer: ({ tex, shown }) => `<span class="math${shown ? " shown" : ""}">${escaped(tex)}</span>`,
        },
        {
          name: "mathBlock", level: "block", start: (text) => text.search(/(?<=\n) {0,3}(?:\$\$|\\\[)/), // its first letter may be in the midst of a line
          tokenizer(text) {
            const found = /^ {0,3}(?:\$\$([^$]{1,4000}?)\$\$|\\\[([^]{1,4000}?)\\\])[ \t]*(?:\n|$)/.exec(text);
            return found ? { type: "mathBlock", raw: found[0], tex: found[1] ?? found[2] } : undefined;
          },
          renderer: ({ tex }) => `<p><span class="math shown">${escaped(tex)}</span></p>`,
        },
      ],
      renderer: {
        html: ({ text }) => escaped(text),
        text({ tokens, text }) {
          return tokens ? this.parser.parseInline(tokens) : words(text); // marked leaves what follows <script> as it is
        },
        image: ({ text }) => escaped(text),
        checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
        heading({ tokens, depth }) {
          const level = Math.min(6, depth + 2);
          return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
        },
        code: ({ text }) => `<pre><code>${escaped(text)}</code></pre>`,
        link({ href, tokens }) {
          const inner = this.parser.parseInline(tokens);
          return isSource(href) ? `<a href="${escaped(href)}">${inner}</a>` : inner;
        },
      },
    });
  }

  /** Blocks with their `raw` text. What is nested deeper than can be read is one block of plain words. */
  lex(text) {
    try {
      return this.marked.lexer(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return Object.assign([{ type: "words", raw: text }], { links: {} });
    }
  }

  /** One block as elements, in the same way. */
  block(token) {
    try {
      if (token.type !== "words") return this.fragment([token]);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    const words = document.createElement("p");
    words.textContent = token.raw;
    return words;
  }

  fragment(tokens) {
    const fragment = globalThis.DOMPurify.sanitize(this.marked.parser(tokens), CLEAN);
    for (const node of fragment.querySelectorAll("[class]")) {
      if (!OUR_CLASSES.has(node.className)) node.removeAttribute("class");
    }
    for (const link of fragment.querySelectorAll("a")) {
      if (!this.isSource(link.getAttribute("href") ?? "")) link.replaceWith(...link.childNodes);
      else for (const [name, value] of [["target", "_blank"], ["rel", "noopener noreferrer nofollow"]]) link.setAttribute(name, value);
    }
    for (const table of fragment.querySelectorAll("table")) {
      const wide = document.createElement("div");
      wide.className = "wide";
      wide.tabIndex = 0;
      table.replaceWith(wide);
      wide.append(table);
    }
    for (const formula of fragment.querySelectorAll(".math")) scrolled(formula);
    for (const code of fragment.querySelectorAll("pre")) code.tabIndex = 0;
    return fragment;
  }
}
