// A file of questions as the service takes it: lines of JSON and tables as they are, a text with one question a line as
// lines of JSON.

import { say } from "./words.js";

const MOST_TEXT_BYTES = 20 * 1024 * 1024; // larger ones would be doubled in this browser's memory
const HEAD_BYTES = 1024 * 1024;
const ENDPOINTS = ["/v1/answers", "/v1/chat/completions", "/v1/responses"];

/** The message is what the reader is told. */
export class LinesRefused extends Error {}

/** {endpoint, content: a Blob}. Raises LinesRefused; what is wrong within a line, the service says. */
export async function requestLines(file) {
  if (/\.(jsonl|ndjson)$/i.test(file.name)) return { endpoint: await endpointOf(file), content: file };
  if (/\.(csv|tsv)$/i.test(file.name)) return { endpoint: ENDPOINTS[0], content: file };
  if (!/\.txt$/i.test(file.name)) throw new LinesRefused(say("wrong_kind", { name: file.name }));
  if (file.size > MOST_TEXT_BYTES) throw new LinesRefused(say("most_text", { name: file.name }));
  const questions = (await file.text()).split(/\r\n?|\n/).map((line, at) => [at + 1, line.trim()]).filter(([, line]) => line);
  if (!questions.length) throw new LinesRefused(say("empty_file", { name: file.name }));
  const lines = questions.map(([at, question]) => JSON.stringify({ custom_id: `line-${at}`, method: "POST", url: ENDPOINTS[0], body: { question } }));
  return { endpoint: ENDPOINTS[0], content: new Blob([lines.join("\n"), "\n"]) };
}

/** What the first line asks; the service holds the others to it. */
async function endpointOf(file) {
  const [first] = (await file.slice(0, HEAD_BYTES).text()).split("\n", 1);
  try {
    const { url } = JSON.parse(first);
    return ENDPOINTS.includes(url) ? url : ENDPOINTS[0];
  } catch {
    return ENDPOINTS[0];
  }
}
