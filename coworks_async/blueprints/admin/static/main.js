// The page: asks for a token, loads what it opens, and shows it.
import { load, token } from "./calls.js";
import { groupsView } from "./entries.js";

const at = (id) => document.getElementById(id);

// The documentation is cut where it would push the entries out of sight.
const LONG = 480;

function say(text, isError = false) {
  at("message").textContent = text;
  at("message").className = isError ? "error" : "";
}

async function open(value) {
  say("Loading…");
  at("token-form").hidden = true;
  try {
    const [described, routes, doc] = await Promise.all(["openapi.json", "route", "doc"].map((name) => load(name, value)));
    token.keep(value);
    show(await described.json(), await routes.json(), await doc.text());
  } catch (error) {
    const refused = error.status === 401 || error.status === 403;
    if (refused) token.forget();
    say(refused ? "Token rejected." : `The service could not be shown. ${error.message}`, true);
    at("token-form").hidden = false;
    at("token").focus();
  }
}

function show(described, routes, doc) {
  const { title, version } = described.info;
  document.title = title;
  at("title").textContent = title;
  at("version").textContent = version === "0.0.0" ? "" : version;
  const groups = groupsView(described, routes);
  at("entries").replaceChildren(...groups.map(({ section }) => section));
  at("filter").oninput = () => filter(groups);
  filter(groups);
  at("door").hidden = true;
  at("kept").hidden = at("service").hidden = false;
  showDoc(doc);
  openWanted();
}

function showDoc(doc) {
  // The service has sanitised it.
  at("doc").innerHTML = doc;
  at("about").hidden = doc.trim() === "";
  at("more").hidden = at("doc").scrollHeight <= LONG;
  at("doc").classList.toggle("cut", !at("more").hidden);
  // What scrolls has to do so by keyboard as well.
  for (const table of at("doc").querySelectorAll("table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
  }
}

function showAllOfDoc() {
  at("doc").classList.remove("cut");
  at("more").hidden = true;
}

function filter(groups) {
  const words = at("filter").value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const { section, views } of groups) {
    const shown = views.filter((view) => !(view.hidden = !words.every((word) => view.dataset.words.includes(word))));
    section.hidden = shown.length === 0;
    count += shown.length;
  }
  at("count").textContent = count === 1 ? "1 entry" : `${count} entries`;
  at("none").hidden = count > 0;
}

// The address may name an entry: /admin#get_items
function openWanted() {
  const wanted = at(decoded(location.hash.slice(1)));
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  open(at("token").value);
  at("token").value = "";
});
at("forget").addEventListener("click", () => {
  token.forget();
  location.reload();
});
at("more").addEventListener("click", () => {
  showAllOfDoc();
  at("doc").focus();
});
// A link that is cut off is not to be gone through blindly.
at("doc").addEventListener("focusin", showAllOfDoc);
at("search").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", openWanted);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select") && !at("service").hidden) {
    event.preventDefault();
    at("filter").focus();
  }
});

if (token.get() === null) at("token").focus();
else open(token.get());
