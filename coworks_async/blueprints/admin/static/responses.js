// Show a response while it is received.
import { h } from "./dom.js";

const MAX_SHOWN = 200_000;

// Show a response in an element. If it is stopped or aborted, what was received remains.
export async function showResponse(container, response, started) {
  const type = response.headers.get("content-type") ?? "";
  const facts = h("p", { class: "facts" });
  // Only status and time are announced to screen readers: the rest may be long.
  const body = h("div", { "aria-live": "off" }, isText(type) ? textView("") : "");
  const redirected = response.redirected ? h("p", {}, `Redirected to ${response.url}`) : "";
  container.replaceChildren(facts, redirected, body, headersView(response));
  const received = { chunks: [], size: 0 };
  const showFacts = (end) =>
    facts.replaceChildren(...factsOf(response, type, received.size, performance.now() - started, end));
  showFacts();
  let end;
  try {
    await receive(received, response, body.firstElementChild, showFacts);
  } catch (error) {
    end = error.name === "AbortError" ? "stopped" : `aborted (${error.message})`;
  }
  showFacts(end);
  body.replaceChildren(...(await bodyView(new Blob(received.chunks), type)));
}

export function showFailure(container, error) {
  const stopped = error.name === "AbortError";
  const text = stopped ? "Stopped." : error.name === "TypeError" ? `No response. ${error.message}` : error.message;
  container.replaceChildren(h("p", { class: "facts" }, h("strong", { class: stopped ? "refused" : "bad" }, text)));
}

async function receive(received, response, pre, showFacts) {
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(response)) {
    if (pre && received.size < MAX_SHOWN) pre.append(decoder.decode(chunk, { stream: true }));
    received.chunks.push(chunk);
    received.size += chunk.length;
    showFacts();
  }
}

async function* chunksOf(response) {
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function factsOf(response, type, size, milliseconds, end) {
  const kind = response.ok ? "good" : response.status >= 500 ? "bad" : "refused";
  const status = h("strong", { class: kind }, `${response.status} ${response.statusText}`.trim());
  const facts = [`${Math.round(milliseconds)} ms`, formatSize(size), type.split(";")[0], end];
  return [status, ` ${facts.filter(Boolean).join(" · ")}`];
}

async function bodyView(blob, type) {
  if (blob.size === 0) return [h("p", { class: "soft" }, "The response has no body.")];
  if (!isText(type)) {
    const link = h("a", { href: URL.createObjectURL(blob), download: "response" }, "Save");
    return [h("p", {}, `${formatSize(blob.size)} of ${type || "an unknown type"}. `, link)];
  }
  const text = await blob.text();
  const shown = /json/.test(type) ? indented(text) : text;
  const note = shown.length > MAX_SHOWN ? [h("p", { class: "soft" }, "Truncated. Use curl to get the whole body.")] : [];
  return [textView(shown.slice(0, MAX_SHOWN)), ...note];
}

function textView(text) {
  return h("pre", { tabindex: 0, class: "shown", role: "group", "aria-label": "Response body" }, text);
}

function isText(type) {
  return /^text\/|json|xml|javascript|x-www-form-urlencoded/.test(type);
}

// Indent JSON without changing its numbers, whatever their length.
function indented(text) {
  if (typeof JSON.rawJSON !== "function") return text;
  try {
    const keepNumber = (_, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value);
    return JSON.stringify(JSON.parse(text, keepNumber), null, 2);
  } catch {
    return text;
  }
}

function headersView(response) {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  return h("details", { class: "headers", "aria-live": "off" }, h("summary", {}, "Headers"), h("pre", {}, headers));
}

function formatSize(bytes) {
  return bytes < 1000 ? `${bytes} B` : bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
