// The entries by blueprint. Each has a form to try it, and shows the request as a curl command.
import { breakable, copyButton, h, prose } from "./dom.js";
import { field } from "./fields.js";
import { buildUrl, formatCurl, send, token, tokenKey } from "./requests.js";
import { showFailure, showResponse } from "./responses.js";
import { describe, example, mainSchema } from "./schemas.js";

const JSON_TYPE = "application/json";
const FORMS = { "application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart" };

// Yield each operation of the document with its route.
function* entriesOf(document, routes) {
  const routesByEndpoint = new Map();
  for (const [path, methods] of Object.entries(routes)) {
    for (const route of Object.values(methods)) routesByEndpoint.set(route.endpoint, { ...route, path });
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      yield { path, method: method.toUpperCase(), operation, route: routesByEndpoint.get(operation.operationId) };
    }
  }
}

// Return the groups: a section, and its views, whose words the filter matches.
export function groupsView(document, routes) {
  const groups = new Map();
  const own = { name: document.info.title, description: undefined };
  for (const tag of [own, ...(document.tags ?? [])]) groups.set(tag === own ? "" : tag.name, { ...tag, entries: [] });
  for (const entry of entriesOf(document, routes)) groups.get(entry.operation.tags?.[0] ?? "").entries.push(entry);
  const shown = [...groups.values()].filter(({ entries }) => entries.length);
  return shown.map((group, index) => {
    const views = group.entries.map((entry) => entryView(document, entry));
    const heading = h("h2", { id: `group-${index}` }, group.name);
    // Later paragraphs address those who register the blueprint.
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
  // Created when opened, because a service may have a thousand entries.
  view.addEventListener("toggle", () => view.children.length === 1 && view.append(panel(document, entry)));
  return view;
}

function panel(document, { path, method, operation, route }) {
  const rest = /\{(\w+):path\}/.exec(route?.path ?? "")?.[1];
  const parameters = operation.parameters ?? [];
  const fieldsIn = (location) =>
    parameters
      .filter((parameter) => parameter.in === location)
      .map((parameter) => field(document, { ...parameter, required: parameter.required && parameter.name !== rest }));
  const [segments, query, headers] = ["path", "query", "header"].map(fieldsIn);
  const body = bodyOf(document, operation.requestBody);
  const read = (fields) => fields.flatMap((each) => each.read());
  const secured = operation.security.length > 0;
  const withToken = secured ? h("input", { type: "checkbox", checked: true }) : undefined;
  const buildRequest = () => ({
    method,
    url: buildUrl(path, read(segments), rest, read(query)),
    headers: {
      ...(withToken?.checked ? { [tokenKey]: token.get() ?? "" } : {}),
      ...body?.headers(),
      ...joinHeaders(read(headers)),
    },
    body: body?.read(),
  });
  const rows = [fieldset("Path", segments), fieldset("Query", query), fieldset("Headers", headers), body?.rows];
  return h(
    "div",
    { class: "panel" },
    operation.description ? h("p", { class: "about" }, prose(operation.description)) : undefined,
    h("p", {}, h("code", { class: "signature" }, `${operation.operationId}${route?.signature ?? ""}`)),
    tryForm(buildRequest, rows, withToken),
  );
}

// A repeated header is one, with its values joined: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
function joinHeaders(pairs) {
  const joined = {};
  for (const [name, value] of pairs) joined[name] = name in joined ? `${joined[name]}, ${value}` : value;
  return joined;
}

function fieldset(legend, fields) {
  return fields.length ? h("fieldset", {}, h("legend", {}, legend), fields.map(({ row }) => row)) : undefined;
}

// The form of an entry, its command, and the response once it is sent.
function tryForm(buildRequest, rows, withToken) {
  const response = h("div", { class: "response", "aria-live": "polite" });
  const { view, update } = commandView(buildRequest, withToken !== undefined);
  const stop = h("button", { type: "button", hidden: true }, "Stop");
  const button = h("button", { class: "primary" }, "Send");
  const submit = async (event) => {
    event.preventDefault();
    const control = new AbortController();
    stop.onclick = () => control.abort();
    [button.disabled, stop.hidden] = [true, false];
    response.setAttribute("aria-busy", "true");
    const started = performance.now();
    try {
      await showResponse(response, await send(buildRequest(), control.signal), started);
    } catch (error) {
      showFailure(response, error);
    }
    response.removeAttribute("aria-busy");
    // Do not move the focus if the user has moved it meanwhile.
    const keepsFocus = [document.body, stop].includes(document.activeElement);
    [button.disabled, stop.hidden] = [false, true];
    if (keepsFocus) button.focus({ preventScroll: true });
  };
  const tokenLabel = withToken ? h("label", { class: "check" }, withToken, "with token") : undefined;
  const actions = h("p", { class: "actions" }, button, stop, tokenLabel);
  const form = h("form", { class: "try", onsubmit: submit, oninput: update, onchange: update }, rows, actions);
  return [form, view, response];
}

// The curl command. `update` formats it again when a field has changed.
function commandView(buildRequest, secured) {
  const command = h("pre", { class: "curl" });
  const update = () => {
    try {
      command.textContent = formatCurl(buildRequest());
    } catch (error) {
      command.textContent = error.message;
    }
  };
  const copies = [copyButton("Copy", () => command.textContent)];
  if (secured) copies.push(copyButton("Copy with token", () => formatCurl(buildRequest(), token.get())));
  update();
  return { update, view: h("div", { class: "command" }, command, h("p", { class: "actions" }, copies)) };
}

// The body: a choice of content types, each with its own fields or text.
function bodyOf(document, requestBody) {
  if (!requestBody) return undefined;
  const kinds = Object.entries(requestBody.content).map(([type, { schema }]) => ({
    type,
    ...(FORMS[type] ? formBody(document, type, schema) : rawBody(document, type, schema)),
  }));
  let chosen = kinds[0];
  const container = h("div", {}, chosen.rows);
  const names = kinds.map(({ type }) => (type === "*/*" ? "any" : type));
  const choose = (event) => container.replaceChildren(...(chosen = kinds[event.target.value]).rows);
  const options = names.map((name, index) => h("option", { value: index }, name));
  const select = h("select", { "aria-label": "Content type", onchange: choose }, options);
  const type = kinds.length > 1 ? select : h("p", { class: "type" }, h("code", {}, names[0]));
  const description = requestBody.description ? h("p", { class: "about" }, prose(requestBody.description)) : undefined;
  return {
    rows: h("fieldset", {}, h("legend", {}, "Body"), description, type, container),
    read: () => chosen.read(),
    headers: () => chosen.headers(),
  };
}

function formBody(document, type, schema) {
  const object = mainSchema(document, schema);
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

// The properties of a JSON object, described below its text.
function propertiesView(document, schema) {
  const { properties = {}, required = [] } = mainSchema(document, schema);
  const about = Object.entries(properties).map(([name, property]) => {
    const words = [required.includes(name) ? "required" : "", describe(document, property), property.description];
    return [h("dt", {}, h("code", {}, name)), h("dd", {}, prose(words.filter(Boolean).join(" · ")))];
  });
  return about.length ? h("dl", { class: "properties" }, about.flat()) : "";
}
