// Requests: built from the fields of an entry, sent, or formatted as a curl command.

// The URLs of the page and of the service.
const { dataset } = document.documentElement;
export const base = new URL(dataset.base, location.href);
export const root = new URL(dataset.root, base);
export const tokenKey = dataset.tokenKey;
const scheme = dataset.authScheme ? `${dataset.authScheme} ` : "";

// Return the value of the token's header for a token that a person entered, with or without the service's scheme.
export function addScheme(value) {
  return value.toLowerCase().startsWith(scheme.toLowerCase()) ? value : scheme + value;
}

const STORAGE_KEY = `coworks-admin ${base.pathname}`;

// Session storage is deleted when the tab is closed.
export const token = {
  get: () => sessionStorage.getItem(STORAGE_KEY),
  set: (value) => sessionStorage.setItem(STORAGE_KEY, value),
  remove: () => sessionStorage.removeItem(STORAGE_KEY),
};

// Load a part of the service's description with a token.
export async function load(name, value) {
  const response = await fetch(new URL(name, base), { headers: { [tokenKey]: value }, cache: "no-store" });
  if (!response.ok) throw new ResponseError(response.status, await detailOf(response));
  return response;
}

export class ResponseError extends Error {
  constructor(status, detail) {
    super(`${status}: ${detail}`);
    this.status = status;
  }
}

async function detailOf(response) {
  const text = await response.text();
  try {
    const problem = JSON.parse(text);
    return problem.detail ?? problem.title ?? response.statusText;
  } catch {
    return response.statusText;
  }
}

// Build the URL of an entry. `segments` are pairs of name and text; the one named `rest` may contain slashes.
export function buildUrl(path, segments, rest, query) {
  const values = new Map(segments);
  const filled = path.replace(/\{([^}]+)\}/g, (_, name) => {
    const text = values.get(name) ?? "";
    if (text.split("/").some((part) => part === "." || part === "..")) {
      throw new Error(`${name}: a browser cannot send "." or ".." as a path segment. Use curl.`);
    }
    const encoded = encodeURIComponent(text);
    return name === rest ? encoded.replaceAll("%2F", "/") : encoded;
  });
  const url = new URL(root.pathname + filled.slice(1), root);
  url.search = new URLSearchParams(query).toString();
  return url;
}

// Send a request. The returned response has a body that is still to be read.
export function send({ method, url, headers, body }, signal) {
  return fetch(url, { method, headers, body: encodeBody(body), signal, cache: "no-store" });
}

function encodeBody(body) {
  if (body === undefined || body.kind === "raw") return body?.value;
  const form = body.kind === "multipart" ? new FormData() : new URLSearchParams();
  for (const [name, value] of body.value) form.append(name, value);
  return form;
}

// Format a request as a curl command. Without a token value, the command reads the shell variable TOKEN.
export function formatCurl(request, value) {
  const words = ["curl"];
  if (request.method !== "GET") words.push(`-X ${request.method}`);
  for (const [name, text] of Object.entries(request.headers)) {
    const isToken = name === tokenKey && value === undefined;
    words.push(isToken ? `-H "${name}: ${scheme}$TOKEN"` : `-H ${quote(`${name}: ${text}`)}`);
  }
  words.push(...bodyWords(request.body));
  return [...words, quote(request.url.href)].join(" ");
}

function bodyWords(body) {
  if (body === undefined || body.value === undefined) return [];
  if (body.kind === "form") return body.value.map(([name, text]) => `--data-urlencode ${quote(`${name}=${text}`)}`);
  if (body.kind === "multipart") return body.value.map(partWord);
  return [body.value instanceof Blob ? `--data-binary ${quote(`@${body.value.name}`)}` : `--data-raw ${quote(body.value)}`];
}

function partWord([name, value]) {
  return value instanceof Blob ? `-F ${quote(`${name}=@${value.name}`)}` : `--form-string ${quote(`${name}=${value}`)}`;
}

// Quote for a POSIX shell: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
