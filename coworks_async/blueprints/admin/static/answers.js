// An answer, as it is shown.
import { h } from "./dom.js";

const SHOWN = 200_000;

export async function answerView({ answer, blob, milliseconds }) {
  const kind = answer.ok ? "good" : answer.status >= 500 ? "bad" : "refused";
  const type = answer.headers.get("content-type") ?? "";
  const facts = [`${Math.round(milliseconds)} ms`, sizeOf(blob.size), type.split(";")[0]].filter(Boolean);
  return [
    h("p", { class: "facts" }, h("strong", { class: kind }, `${answer.status} ${answer.statusText}`.trim()), ` ${facts.join(" · ")}`),
    answer.redirected ? h("p", {}, `Redirected to ${answer.url}`) : undefined,
    await bodyView(blob, type),
    h("details", { class: "headers" }, h("summary", {}, "Headers"), h("pre", { tabindex: 0 }, headersOf(answer))),
  ];
}

export function failureView(error) {
  const stopped = error.name === "AbortError";
  const text = stopped ? "Stopped." : error.name === "TypeError" ? `No answer could be read. ${error.message}` : error.message;
  return [h("p", { class: "facts" }, h("strong", { class: "bad" }, text))];
}

async function bodyView(blob, type) {
  if (blob.size === 0) return h("p", {}, "The answer has no body.");
  if (!/^text\/|json|xml|javascript|x-www-form-urlencoded/.test(type)) {
    const link = h("a", { href: URL.createObjectURL(blob), download: "answer" }, "Save it");
    return h("p", {}, `${sizeOf(blob.size)} of ${type || "an unknown type"}. `, link);
  }
  const text = await blob.text();
  const shown = /json/.test(type) ? indented(text) : text;
  const cut = shown.length > SHOWN ? h("p", {}, "This is the beginning; curl shows it all.") : undefined;
  return h("div", {}, h("pre", { tabindex: 0, class: "shown" }, shown.slice(0, SHOWN)), cut);
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

function headersOf(answer) {
  return [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
}

function sizeOf(bytes) {
  return bytes < 1000 ? `${bytes} B` : bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
