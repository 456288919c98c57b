// A request: made of what a person wrote, sent, and written as a command for curl.

// The page's own place, and that of the service.
const told = document.documentElement.dataset;
export const base = new URL(told.base, location.href);
export const root = new URL(told.root, base);
export const tokenKey = told.tokenKey;

const KEPT = `coworks-admin ${base.pathname}`;

// The storage of a session ends with its tab.
export const token = {
  get: () => sessionStorage.getItem(KEPT),
  keep: (value) => sessionStorage.setItem(KEPT, value),
  forget: () => sessionStorage.removeItem(KEPT),
};

// Load a part of the service's description, with a token.
export async function load(name, value) {
  const answer = await fetch(new URL(name, base), { headers: { [tokenKey]: value }, cache: "no-store" });
  if (!answer.ok) throw new Refused(answer.status, await detailOf(answer));
  return answer;
}

export class Refused extends Error {
  constructor(status, detail) {
    super(`${status}: ${detail}`);
    this.status = status;
  }
}

async function detailOf(answer) {
  const text = await answer.text();
  try {
    const problem = JSON.parse(text);
    return problem.detail ?? problem.title ?? answer.statusText;
  } catch {
    return answer.statusText;
  }
}

// The URL of an entry. `segments` are pairs of a name and its text; `rest` names the one that may hold slashes.
export function urlOf(path, segments, rest, query) {
  const values = new Map(segments);
  const filled = path.replace(/\{([^}]+)\}/g, (_, name) => {
    const text = values.get(name) ?? "";
    if (text.split("/").some((part) => part === "." || part === "..")) {
      throw new Error(`A browser takes the "." and ".." of ${name} for folders; use curl.`);
    }
    const written = encodeURIComponent(text);
    return name === rest ? written.replaceAll("%2F", "/") : written;
  });
  const url = new URL(root.pathname + filled.slice(1), root);
  url.search = new URLSearchParams(query).toString();
  return url;
}

// Send a request; the body of its answer is yet to come.
export function send({ method, url, headers, body }, signal) {
  return fetch(url, { method, headers, body: sent(body), signal, cache: "no-store" });
}

function sent(body) {
  if (body === undefined || body.kind === "raw") return body?.value;
  const form = body.kind === "multipart" ? new FormData() : new URLSearchParams();
  for (const [name, value] of body.value) form.append(name, value);
  return form;
}

// Write a request for curl. Without a token in hand it is taken from the shell's variable TOKEN.
export function curl(call, value) {
  const words = ["curl"];
  if (call.method !== "GET") words.push(`-X ${call.method}`);
  for (const [name, text] of Object.entries(call.headers)) {
    const isToken = name === tokenKey && value === undefined;
    words.push(isToken ? `-H "${name}: $TOKEN"` : `-H ${quoted(`${name}: ${text}`)}`);
  }
  words.push(...bodyWords(call.body));
  return [...words, quoted(call.url.href)].join(" ");
}

function bodyWords(body) {
  if (body === undefined || body.value === undefined) return [];
  if (body.kind === "form") return body.value.map(([name, text]) => `--data-urlencode ${quoted(`${name}=${text}`)}`);
  if (body.kind === "multipart") return body.value.map(partWord);
  return [body.value instanceof Blob ? `--data-binary ${quoted(`@${body.value.name}`)}` : `--data-raw ${quoted(body.value)}`];
}

function partWord([name, value]) {
  return value instanceof Blob ? `-F ${quoted(`${name}=@${value.name}`)}` : `--form-string ${quoted(`${name}=${value}`)}`;
}

// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
