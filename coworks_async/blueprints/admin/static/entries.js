// The entries, by blueprint; each can be opened, tried, and written as a command.
import { answerView, failureView } from "./answers.js";
import { curl, send, token, tokenKey, urlOf } from "./calls.js";
import { copyButton, h } from "./dom.js";
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
    const description = about ? h("p", { class: "about" }, about) : undefined;
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
    h("code", { class: operation.deprecated ? "path deprecated" : "path" }, path),
    operation.security.length ? undefined : h("span", { class: "badge" }, "open"),
    operation.deprecated ? h("span", { class: "badge" }, "deprecated") : undefined,
    h("span", { class: "summary" }, operation.summary ?? ""),
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
  const call = () => ({
    method,
    url: urlOf(path, read(segments), rest, read(query)),
    headers: { ...headersOf(operation), ...body?.headers(), ...Object.fromEntries(read(headers)) },
    body: body?.read(),
  });
  return h(
    "div",
    { class: "panel" },
    operation.description ? h("p", { class: "about" }, operation.description) : undefined,
    h("p", {}, h("code", { class: "signature" }, `${operation.operationId}${route?.signature ?? ""}`)),
    trial(call, [set("Path", segments), set("Query", query), set("Headers", headers), body?.rows], operation),
  );
}

function set(legend, fields) {
  return fields.length ? h("fieldset", {}, h("legend", {}, legend), fields.map(({ row }) => row)) : undefined;
}

function headersOf(operation) {
  return operation.security.length ? { [tokenKey]: token.get() ?? "" } : {};
}

// The form of an entry with its command, and its answer once it is sent.
function trial(call, rows, operation) {
  const command = h("pre", { class: "curl", tabindex: 0 });
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const stop = h("button", { type: "button", hidden: true }, "Stop");
  const button = h("button", { class: "primary" }, "Send");
  const write = () => {
    try {
      command.textContent = curl(call());
    } catch (error) {
      command.textContent = error.message;
    }
  };
  const submit = async (event) => {
    event.preventDefault();
    const control = new AbortController();
    stop.onclick = () => control.abort();
    [button.disabled, stop.hidden] = [true, false];
    answer.setAttribute("aria-busy", "true");
    try {
      answer.replaceChildren(...(await answerView(await send(call(), control.signal))).filter(Boolean));
    } catch (error) {
      answer.replaceChildren(...failureView(error));
    }
    answer.removeAttribute("aria-busy");
    [button.disabled, stop.hidden] = [false, true];
    button.focus({ preventScroll: true });
  };
  const actions = h("p", { class: "actions" }, button, stop);
  const form = h("form", { class: "trial", onsubmit: submit, oninput: write, onchange: write }, rows, actions);
  const copies = [copyButton("Copy", () => command.textContent)];
  if (operation.security.length) copies.push(copyButton("Copy with the token", () => curl(call(), token.get())));
  write();
  return [form, h("div", { class: "command" }, command, h("p", { class: "actions" }, copies)), answer];
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
  const select = h(
    "select",
    { "aria-label": "Content type", onchange: () => holder.replaceChildren(...(chosen = kinds[select.value]).rows) },
    kinds.map(({ type }, index) => h("option", { value: index }, type === "*/*" ? "any" : type)),
  );
  const description = requestBody.description ? h("p", { class: "about" }, requestBody.description) : undefined;
  return {
    rows: h("fieldset", {}, h("legend", {}, "Body"), description, select, holder),
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
    return [h("dt", {}, h("code", {}, name)), h("dd", {}, words.filter(Boolean).join(" · "))];
  });
  return about.length ? h("dl", { class: "properties" }, about.flat()) : "";
}
