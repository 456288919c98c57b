// JSON Schemas of the OpenAPI document: resolved, described in words, and an example value.

// Resolve references.
export function resolve(document, schema) {
  let found = schema ?? {};
  while (found.$ref) {
    const names = found.$ref.replace(/^#\//, "").split("/");
    found = names.reduce((part, name) => part[name.replaceAll("~1", "/").replaceAll("~0", "~")], document);
  }
  return found;
}

// The schema to show for a union: an object if there is one, and never null.
export function mainSchema(document, schema) {
  const found = resolve(document, schema);
  const choices = found.oneOf ?? found.anyOf;
  if (!choices) return found;
  const plain = choices.map((choice) => mainSchema(document, choice)).filter((choice) => choice.type !== "null");
  const chosen = plain.find((choice) => choice.type === "object") ?? plain[0] ?? {};
  const { oneOf, anyOf, ...about } = found;
  return { ...chosen, ...about };
}

export function typeOf(schema) {
  return Array.isArray(schema.type) ? schema.type.find((type) => type !== "null") : schema.type;
}

// All types that a schema allows.
export function typesOf(document, schema) {
  const found = resolve(document, schema);
  const choices = found.oneOf ?? found.anyOf;
  if (choices) return [...new Set(choices.flatMap((choice) => typesOf(document, choice)))];
  return found.type === undefined ? ["any"] : [found.type].flat();
}

// Describe a schema in words: "integer, at least 1, 10 by default". `hasSelect`: its values are in a select element.
export function describe(document, schema, hasSelect = false) {
  const found = mainSchema(document, schema);
  const types = typesOf(document, schema).filter((type) => type !== "null" && type !== "any");
  if (found.format === "binary") return "file";
  const words = [types.join(" or "), found.format];
  const values = found.const !== undefined ? [found.const] : found.enum;
  if (values) words.splice(0, 2, hasSelect ? "" : values.map((value) => JSON.stringify(value)).join(" or "));
  if (found.minimum !== undefined) words.push(`at least ${found.minimum}`);
  if (found.maximum !== undefined) words.push(`at most ${found.maximum}`);
  if (found.exclusiveMinimum !== undefined) words.push(`over ${found.exclusiveMinimum}`);
  if (found.exclusiveMaximum !== undefined) words.push(`under ${found.exclusiveMaximum}`);
  if (found.minLength !== undefined) words.push(`${found.minLength} characters or more`);
  if (found.maxLength !== undefined) words.push(`${found.maxLength} characters or fewer`);
  if (found.minItems !== undefined) words.push(`${found.minItems} items or more`);
  if (found.maxItems !== undefined) words.push(`${found.maxItems} items or fewer`);
  if (found.pattern !== undefined) words.push(`matching ${found.pattern}`);
  if (found.default !== undefined && found.default !== null) words.push(`${JSON.stringify(found.default)} by default`);
  return words.filter(Boolean).join(", ");
}

const FORMATS = {
  date: () => new Date().toISOString().slice(0, 10),
  "date-time": () => new Date().toISOString(),
  time: () => "12:00:00Z",
  duration: () => "PT1H",
  uuid: () => "00000000-0000-0000-0000-000000000000",
  decimal: () => "1.0",
};

// An example value. Optional properties are included at the top level only, because types may be recursive.
export function example(document, schema, depth = 0) {
  const found = mainSchema(document, schema);
  if (found.examples?.length) return found.examples[0];
  if (found.const !== undefined) return found.const;
  if (found.default !== undefined && found.default !== null) return found.default;
  if (found.enum) return found.enum[0];
  if (found.allOf) return example(document, found.allOf[0], depth);
  if (found.format in FORMATS) return FORMATS[found.format]();
  switch (typeOf(found)) {
    case "object":
      return exampleOfObject(document, found, depth);
    case "array":
      return found.items && depth < 4 ? [example(document, found.items, depth + 1)] : [];
    case "integer":
    case "number":
      return found.minimum ?? (found.exclusiveMinimum !== undefined ? found.exclusiveMinimum + 1 : 0);
    case "boolean":
      return false;
    case "string":
      return "";
    default:
      return null;
  }
}

function exampleOfObject(document, schema, depth) {
  const required = schema.required ?? [];
  const shown = Object.entries(schema.properties ?? {}).filter(
    ([name, property]) => required.includes(name) || (depth === 0 && !resolve(document, property).readOnly),
  );
  return Object.fromEntries(shown.map(([name, property]) => [name, example(document, property, depth + 1)]));
}
