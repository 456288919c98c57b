// An answer, shown as it comes.
import { h } from "./dom.js";

const SHOWN = 200_000;

// Show an answer in an element. What has come stays there when it is stopped, or broken off.
export async function showAnswer(holder, answer, started) {
  const type = answer.headers.get("content-type") ?? "";
  const facts = h("p", { class: "facts" });
  // Status and time are read out; the rest, which may be long, is there to be gone to.
  const body = h("div", { "aria-live": "off" }, isText(type) ? shownView("") : "");
  const redirected = answer.redirected ? h("p", {}, `Redirected to ${answer.url}`) : "";
  holder.replaceChildren(facts, redirected, body, headersView(answer));
  const read = { chunks: [], size: 0 };
  const tell = (end) => facts.replaceChildren(...factsOf(answer, type, read.size, performance.now() - started, end));
  tell();
  let end;
  try {
    await readInto(read, answer, body.firstElementChild, tell);
  } catch (error) {
    end = error.name === "AbortError" ? "stopped" : `broken off (${error.message})`;
  }
  tell(end);
  body.replaceChildren(...(await bodyView(new Blob(read.chunks), type)));
}

export function showFailure(holder, error) {
  const stopped = error.name === "AbortError";
  const text = stopped ? "Stopped." : error.name === "TypeError" ? `No answer could be read. ${error.message}` : error.message;
  holder.replaceChildren(h("p", { class: "facts" }, h("strong", { class: stopped ? "refused" : "bad" }, text)));
}

async function readInto(read, answer, pre, tell) {
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(answer)) {
    if (pre && read.size < SHOWN) pre.append(decoder.decode(chunk, { stream: true }));
    read.chunks.push(chunk);
    read.size += chunk.length;
    tell();
  }
}

async function* chunksOf(answer) {
  const reader = answer.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function factsOf(answer, type, size, milliseconds, end) {
  const kind = answer.ok ? "good" : answer.status >= 500 ? "bad" : "refused";
  const status = h("strong", { class: kind }, `${answer.status} ${answer.statusText}`.trim());
  const facts = [`${Math.round(milliseconds)} ms`, sizeOf(size), type.split(";")[0], end];
  return [status, ` ${facts.filter(Boolean).join(" · ")}`];
}

async function bodyView(blob, type) {
  if (blob.size === 0) return [h("p", { class: "soft" }, "The answer has no body.")];
  if (!isText(type)) {
    const link = h("a", { href: URL.createObjectURL(blob), download: "answer" }, "Save it");
    return [h("p", {}, `${sizeOf(blob.size)} of ${type || "an unknown type"}. `, link)];
  }
  const text = await blob.text();
  const shown = /json/.test(type) ? indented(text) : text;
  const cut = shown.length > SHOWN ? [h("p", { class: "soft" }, "This is the beginning; curl shows it all.")] : [];
  return [shownView(shown.slice(0, SHOWN)), ...cut];
}

function shownView(text) {
  return h("pre", { tabindex: 0, class: "shown", role: "group", "aria-label": "Body of the answer" }, text);
}

function isText(type) {
  return /^text\/|json|xml|javascript|x-www-form-urlencoded/.test(type);
}

// Indent JSON; numbers stay as they were sent, however long.
function indented(text) {
  if (typeof JSON.rawJSON !== "function") return text;
  try {
    const keep = (_, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value);
    return JSON.stringify(JSON.parse(text, keep), null, 2);
  } catch {
    return text;
  }
}

function headersView(answer) {
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  return h("details", { class: "headers", "aria-live": "off" }, h("summary", {}, "Headers"), h("pre", {}, headers));
}

function sizeOf(bytes) {
  return bytes < 1000 ? `${bytes} B` : bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
