// What this browser keeps: the list of answers, the words being typed, the reader's choices. It may keep nothing at all.

import { session } from "./service.js";

const MOST = 50;

function read(store, name, otherwise) {
  try {
    return JSON.parse(store().getItem(`kaozheng.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(store, name, value) {
  try {
    store().setItem(`kaozheng.${name}`, JSON.stringify(value));
  } catch {
    // Private windows and full stores: the page works without.
  }
}

const long = () => localStorage;
const short = () => sessionStorage;

export const choice = (name) => read(long, name, "");
export const choose = (name, value) => write(long, name, value);
export const draft = () => String(read(short, "draft", ""));
export const keepDraft = (text) => write(short, "draft", text);

/** What was asked here. In a browser where people log in it is for this tab alone and ends with the login: the service
 * keeps the list of a key. */
const asked = () => (session.needed ? short : long);

export function past() {
  const rows = read(asked(), "past", []);
  return Array.isArray(rows) ? rows.filter((row) => typeof row?.id === "string" && typeof row?.question === "string") : [];
}

export function remember(row) {
  write(asked(), "past", [row, ...past().filter((one) => one.id !== row.id)].slice(0, MOST));
}

export const forget = (id) => write(asked(), "past", id ? past().filter((one) => one.id !== id) : []);
