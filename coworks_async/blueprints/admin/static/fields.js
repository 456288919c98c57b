// A parameter as a form field: a `row` to show, and `read()`, which returns the pairs to send.
import { breakable, h, prose } from "./dom.js";
import { describe, mainSchema, typeOf, typesOf } from "./schemas.js";

let count = 0;

// `options`: name, schema, required, description, and style.
export function field(document, options) {
  const schema = mainSchema(document, options.schema);
  const id = `field-${(count += 1)}`;
  const { input, read, hint } = inputOf(document, schema, options, id);
  const words = [options.required ? "required" : "", describe(document, options.schema, input.matches("select")), hint];
  const about = h("small", { id: `${id}-about` }, words.filter(Boolean).join(" · "));
  const description = options.description ?? schema.description;
  const details = description ? h("small", { id: `${id}-details` }, prose(description)) : undefined;
  input.setAttribute("aria-describedby", details ? `${about.id} ${details.id}` : about.id);
  const name = h("div", { class: "name" }, h("label", { for: id }, breakable(options.name)), about);
  const row = h("div", { class: "field" }, name, h("div", {}, input, details));
  return { row, read };
}

function inputOf(document, schema, options, id) {
  const { name, required } = options;
  const kind = typeOf(schema);
  if (schema.format === "binary") return fileInput(name, required, id);
  if (kind === "array") return linesInput(document, schema, name, required, id);
  if (kind === "object") return objectInput(options, id);
  const values = choicesOf(document, schema, options.schema);
  if (values !== undefined) return selectInput(values, name, required, id);
  const numeric = typesOf(document, options.schema).every((type) => ["integer", "number", "null"].includes(type));
  const attributes = { id, name, required, type: "text", autocomplete: "off", spellcheck: "false" };
  const input = h("input", { ...attributes, inputmode: numeric ? "decimal" : false });
  return { input, read: () => (input.value === "" ? [] : [[name, input.value]]) };
}

function choicesOf(document, schema, whole) {
  const types = typesOf(document, whole).filter((type) => type !== "null");
  if (types.length > 1) return undefined;
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum) return schema.enum.filter((value) => value !== null);
  return types[0] === "boolean" ? [true, false] : undefined;
}

function selectInput(values, name, required, id) {
  const input = h(
    "select",
    { id, name, required },
    h("option", { value: "" }, required ? "choose" : "not sent"),
    values.map((value, index) => h("option", { value: index }, String(value))),
  );
  return { input, read: () => (input.value === "" ? [] : [[name, String(values[input.value])]]) };
}

function fileInput(name, required, id) {
  const input = h("input", { id, name, required, type: "file" });
  return { input, read: () => [...input.files].map((file) => [name, file]) };
}

function linesInput(document, schema, name, required, id) {
  const files = mainSchema(document, schema.items).format === "binary";
  if (files) {
    const { input, read } = fileInput(name, required, id);
    input.multiple = true;
    return { input, read };
  }
  const input = h("textarea", { id, name, required, rows: 2, spellcheck: "false" });
  const read = () => input.value.split("\n").filter((line) => line !== "").map((line) => [name, line]);
  return { input, read, hint: "one per line" };
}

// Keys of an object are query names, or name[key] in the style deepObject: https://spec.openapis.org/oas/v3.1.1
function objectInput({ name, required, style }, id) {
  const input = h("textarea", { id, name, required, rows: 2, spellcheck: "false", placeholder: "key=value" });
  const pairs = () => input.value.split("\n").filter((line) => line.trim() !== "").map(splitLine);
  const read = () => pairs().map(([key, value]) => [style === "deepObject" ? `${name}[${key}]` : key, value]);
  return { input, read, hint: "key=value, one per line" };
}

function splitLine(line) {
  const at = line.indexOf("=");
  return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
}
