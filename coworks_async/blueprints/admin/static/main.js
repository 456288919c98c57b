// The page: requests a token, loads the service's description with it, and shows it.
import { groupsView } from "./entries.js";
import { addScheme, load, token } from "./requests.js";

const byId = (id) => document.getElementById(id);

// Maximum height of the documentation, which would otherwise push the entries out of sight.
const MAX_DOC_HEIGHT = 480;

function showMessage(text, isError = false) {
  byId("message").textContent = text;
  byId("message").className = isError ? "error" : "";
}

async function open(value) {
  showMessage("Loading…");
  byId("token-form").hidden = true;
  try {
    const [described, routes, doc] = await Promise.all(["openapi.json", "route", "doc"].map((name) => load(name, value)));
    token.set(value);
    show(await described.json(), await routes.json(), await doc.text());
  } catch (error) {
    const rejected = error.status === 401 || error.status === 403;
    if (rejected) token.remove();
    showMessage(rejected ? "The token was rejected." : `The service could not be loaded. ${error.message}`, true);
    byId("token-form").hidden = false;
    byId("token").focus();
  }
}

function show(described, routes, doc) {
  const { title, version } = described.info;
  document.title = title;
  byId("title").textContent = title;
  byId("version").textContent = version === "0.0.0" ? "" : version;
  const groups = groupsView(described, routes);
  byId("entries").replaceChildren(...groups.map(({ section }) => section));
  byId("filter").oninput = () => filter(groups);
  filter(groups);
  byId("sign-in").hidden = true;
  byId("signed-in").hidden = byId("service").hidden = false;
  showDoc(doc);
  openLinkedEntry();
}

function showDoc(doc) {
  // The service has sanitized it.
  byId("doc").innerHTML = doc;
  byId("about").hidden = doc.trim() === "";
  byId("more").hidden = byId("doc").scrollHeight <= MAX_DOC_HEIGHT;
  byId("doc").classList.toggle("cut", !byId("more").hidden);
  // A table that scrolls must be reachable by keyboard.
  for (const table of byId("doc").querySelectorAll("table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
  }
}

function expandDoc() {
  byId("doc").classList.remove("cut");
  byId("more").hidden = true;
}

function filter(groups) {
  const words = byId("filter").value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const { section, views } of groups) {
    const shown = views.filter((view) => !(view.hidden = !words.every((word) => view.dataset.words.includes(word))));
    section.hidden = shown.length === 0;
    count += shown.length;
  }
  byId("count").textContent = count === 1 ? "1 entry" : `${count} entries`;
  byId("no-match").hidden = count > 0;
}

// The URL may name an entry: /admin#get_items
function openLinkedEntry() {
  const element = byId(decodeHash(location.hash.slice(1)));
  if (element instanceof HTMLDetailsElement) {
    element.open = true;
    element.scrollIntoView();
  }
}

function decodeHash(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  open(addScheme(byId("token").value));
  byId("token").value = "";
});
byId("sign-out").addEventListener("click", () => {
  token.remove();
  location.reload();
});
byId("more").addEventListener("click", () => {
  expandDoc();
  byId("doc").focus();
});
// A focused link must be visible.
byId("doc").addEventListener("focusin", expandDoc);
byId("search").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", openLinkedEntry);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select") && !byId("service").hidden) {
    event.preventDefault();
    byId("filter").focus();
  }
});

if (token.get() === null) byId("token").focus();
else open(token.get());
