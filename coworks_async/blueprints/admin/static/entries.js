// The entries, by blueprint; each can be opened, tried, and written as a command.
import { showAnswer, showFailure } from "./answers.js";
import { curl, send, token, tokenKey, urlOf } from "./calls.js";
import { breakable, copyButton, h, prose } from "./dom.js";
import { field } from "./fields.js";
import { example, inWords, main } from "./schemas.js";

const JSON_TYPE = "application/json";
const FORMS = { "application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart" };

// Yield each entry of the document, with what the list of routes says of it.
function* entriesOf(document, routes) {
  const told = new Map();
  for (const [path, methods] of Object.entries(routes)) {
    for (const route of Object.values(methods)) told.set(route.endpoint, { ...route, path });
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      yield { path, method: method.toUpperCase(), operation, route: told.get(operation.operationId) };
    }
  }
}

// Return the groups to show, and what is needed to filter them: the words of each entry.
export function groupsView(document, routes) {
  const groups = new Map();
  const own = { name: document.info.title, description: undefined };
  for (const tag of [own, ...(document.tags ?? [])]) groups.set(tag === own ? "" : tag.name, { ...tag, entries: [] });
  for (const entry of entriesOf(document, routes)) groups.get(entry.operation.tags?.[0] ?? "").entries.push(entry);
  const shown = [...groups.values()].filter(({ entries }) => entries.length);
  return shown.map((group, index) => {
    const views = group.entries.map((entry) => entryView(document, entry));
    const heading = h("h2", { id: `group-${index}` }, group.name);
    // What follows is for who registers the blueprint.
    const [about] = (group.description ?? "").split("\n\n");
    const description = about ? h("p", { class: "about" }, prose(about)) : undefined;
    const section = h("section", { class: "group", "aria-labelledby": heading.id }, heading, description, views);
    return { section, views };
  });
}

function entryView(document, entry) {
  const { method, path, operation } = entry;
  const summary = h(
    "summary",
    {},
    h("span", { class: `method ${method.toLowerCase()}` }, method),
    h(
      "span",
      { class: "line" },
      h("code", { class: operation.deprecated ? "path deprecated" : "path" }, breakable(path)),
      operation.security.length ? undefined : h("span", { class: "badge" }, "open"),
      operation.deprecated ? h("span", { class: "badge" }, "deprecated") : undefined,
      operation.summary ? h("span", { class: "summary" }, prose(operation.summary)) : undefined,
    ),
  );
  const view = h("details", { class: "entry", id: operation.operationId }, summary);
  view.dataset.words = [method, path, operation.operationId, operation.summary].join(" ").toLowerCase();
  // A service may have a thousand entries: what is inside is made when it is looked at.
  view.addEventListener("toggle", () => view.children.length === 1 && view.append(panel(document, entry)));
  return view;
}

function panel(document, { path, method, operation, route }) {
  const rest = /\{(\w+):path\}/.exec(route?.path ?? "")?.[1];
  const parameters = operation.parameters ?? [];
  const of = (where) =>
    parameters
      .filter((parameter) => parameter.in === where)
      .map((parameter) => field(document, { ...parameter, required: parameter.required && parameter.name !== rest }));
  const [segments, query, headers] = ["path", "query", "header"].map(of);
  const body = bodyOf(document, operation.requestBody);
  const read = (fields) => fields.flatMap((each) => each.read());
  const secured = operation.security.length > 0;
  const withToken = secured ? h("input", { type: "checkbox", checked: true }) : undefined;
  const call = () => ({
    method,
    url: urlOf(path, read(segments), rest, read(query)),
    headers: {
      ...(withToken?.checked ? { [tokenKey]: token.get() ?? "" } : {}),
      ...body?.headers(),
      ...Object.fromEntries(read(headers)),
    },
    body: body?.read(),
  });
  const rows = [set("Path", segments), set("Query", query), set("Headers", headers), body?.rows];
  return h(
    "div",
    { class: "panel" },
    operation.description ? h("p", { class: "about" }, prose(operation.description)) : undefined,
    h("p", {}, h("code", { class: "signature" }, `${operation.operationId}${route?.signature ?? ""}`)),
    trial(call, rows, withToken),
  );
}

function set(legend, fields) {
  return fields.length ? h("fieldset", {}, h("legend", {}, legend), fields.map(({ row }) => row)) : undefined;
}

// The form of an entry with its command, and its answer once it is sent.
function trial(call, rows, withToken) {
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const { view, write } = commandView(call, withToken !== undefined);
  const stop = h("button", { type: "button", hidden: true }, "Stop");
  const button = h("button", { class: "primary" }, "Send");
  const submit = async (event) => {
    event.preventDefault();
    const control = new AbortController();
    stop.onclick = () => control.abort();
    [button.disabled, stop.hidden] = [true, false];
    answer.setAttribute("aria-busy", "true");
    const started = performance.now();
    try {
      await showAnswer(answer, await send(call(), control.signal), started);
    } catch (error) {
      showFailure(answer, error);
    }
    answer.removeAttribute("aria-busy");
    // Who has gone elsewhere meanwhile is not fetched back.
    const isHere = [document.body, stop].includes(document.activeElement);
    [button.disabled, stop.hidden] = [false, true];
    if (isHere) button.focus({ preventScroll: true });
  };
  const told = withToken ? h("label", { class: "check" }, withToken, "with the token") : undefined;
  const actions = h("p", { class: "actions" }, button, stop, told);
  const form = h("form", { class: "trial", onsubmit: submit, oninput: write, onchange: write }, rows, actions);
  return [form, view, answer];
}

// The command for curl, written anew by `write` when a field has changed.
function commandView(call, secured) {
  const command = h("pre", { class: "curl" });
  const write = () => {
    try {
      command.textContent = curl(call());
    } catch (error) {
      command.textContent = error.message;
    }
  };
  const copies = [copyButton("Copy", () => command.textContent)];
  if (secured) copies.push(copyButton("Copy with the token", () => curl(call(), token.get())));
  write();
  return { write, view: h("div", { class: "command" }, command, h("p", { class: "actions" }, copies)) };
}

// The body: one of the content types, each with fields or a text of its own.
function bodyOf(document, requestBody) {
  if (!requestBody) return undefined;
  const kinds = Object.entries(requestBody.content).map(([type, { schema }]) => ({
    type,
    ...(FORMS[type] ? formBody(document, type, schema) : rawBody(document, type, schema)),
  }));
  let chosen = kinds[0];
  const holder = h("div", {}, chosen.rows);
  const names = kinds.map(({ type }) => (type === "*/*" ? "any" : type));
  const choose = (event) => holder.replaceChildren(...(chosen = kinds[event.target.value]).rows);
  const options = names.map((name, index) => h("option", { value: index }, name));
  const select = h("select", { "aria-label": "Content type", onchange: choose }, options);
  const type = kinds.length > 1 ? select : h("p", { class: "type" }, h("code", {}, names[0]));
  const description = requestBody.description ? h("p", { class: "about" }, prose(requestBody.description)) : undefined;
  return {
    rows: h("fieldset", {}, h("legend", {}, "Body"), description, type, holder),
    read: () => chosen.read(),
    headers: () => chosen.headers(),
  };
}

function formBody(document, type, schema) {
  const object = main(document, schema);
  const fields = Object.entries(object.properties ?? {}).map(([name, property]) =>
    field(document, { name, schema: property, required: object.required?.includes(name) }),
  );
  if (object.additionalProperties) {
    fields.push(field(document, { name: "others", schema: { type: "object" } }));
  }
  return {
    rows: fields.map(({ row }) => row),
    read: () => ({ kind: FORMS[type], value: fields.flatMap((each) => each.read()) }),
    headers: () => ({}),
  };
}

function rawBody(document, type, schema) {
  if (type === "application/octet-stream") {
    const file = h("input", { type: "file", "aria-label": "File" });
    return { rows: [file], read: () => ({ kind: "raw", value: file.files[0] }), headers: () => ({ "Content-Type": type }) };
  }
  const isJson = type === JSON_TYPE;
  const text = h("textarea", { rows: 5, spellcheck: "false", "aria-label": isJson ? "JSON" : "Text" });
  if (isJson) text.value = JSON.stringify(example(document, schema), null, 2);
  text.rows = Math.min(16, Math.max(3, text.value.split("\n").length));
  return {
    rows: [text, propertiesView(document, schema)],
    read: () => (text.value === "" ? undefined : { kind: "raw", value: text.value }),
    headers: () => (text.value === "" ? {} : { "Content-Type": type === "*/*" ? JSON_TYPE : type }),
  };
}

// What each name of a JSON object is, below the text where it is written.
function propertiesView(document, schema) {
  const { properties = {}, required = [] } = main(document, schema);
  const about = Object.entries(properties).map(([name, property]) => {
    const words = [required.includes(name) ? "required" : "", inWords(document, property), property.description];
    return [h("dt", {}, h("code", {}, name)), h("dd", {}, prose(words.filter(Boolean).join(" · ")))];
  });
  return about.length ? h("dl", { class: "properties" }, about.flat()) : "";
}
