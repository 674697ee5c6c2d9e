/** The fields of a spec, as the service's OpenAPI document has them: no field, default or choice is written here again. */

/**
 * @typedef {"choice" | "check" | "integer" | "number" | "text" | "interval" | "list" | "checks" | "held_out" | "pairs" | "targets"} Kind
 * @typedef {{path: string[], kind: Kind, title: string, words: string, preset: any, choices?: string[], opens?: boolean,
 *   fieldsOf?: (item: any) => Field[]}} Field
 *   `opens`: a group that is null unless it is wanted; its value is then a JSON object. `fieldsOf`: those of an item of a list.
 */

/** The same in each spec. */
const NOT_ASKED = new Set(["version"]);

/**
 * Every field that a spec has now: of unions, those of the branch that is chosen; of groups that may be null, theirs once
 * they are wanted.
 * @param {Record<string, any>} schemas  `components.schemas`  @param {any} spec  @returns {Field[]}
 */
export function fieldsOf(schemas, spec) {
  return inside(schemas, schemas.JobSpec, spec ?? {}, []);
}

function inside(schemas, schema, value, path) {
  const properties = Object.entries(schema.properties).filter(([name]) => !NOT_ASKED.has(name) && name !== "type");
  return properties.flatMap(([name, property]) => one(schemas, property, value?.[name], [...path, name]));
}

function one(schemas, property, value, path) {
  const { schema, isNullable } = plain(schemas, property);
  const field = { path, title: property.title, words: property.description ?? "", preset: property.default ?? null };
  if (schema.discriminator) return union(schemas, schema, value, field);
  if (schema.properties && !isNullable) return inside(schemas, schema, value, path);
  if (schema.properties) {
    const fields = value ? inside(schemas, schema, value, path) : [];
    return [{ ...field, kind: "check", opens: true }, ...fields];
  }
  return [{ ...field, ...kindOf(schemas, schema) }];
}

/** A choice of its types, then the fields of the one that is chosen, whose words say what was chosen. */
function union(schemas, schema, value, field) {
  const { mapping, propertyName } = schema.discriminator;
  const preset = field.preset?.[propertyName] ?? null;
  const chosen = branch(schemas, schema, value) ?? branch(schemas, schema, field.preset);
  const choice = { ...field, path: [...field.path, propertyName], words: chosen.description, kind: "choice", choices: Object.keys(mapping).toSorted(), preset };
  return [choice, ...inside(schemas, chosen, value, field.path)];
}

/** The schema of the type that a value of a union has; of none, if there is no such type. */
function branch(schemas, { discriminator: { mapping, propertyName } }, value) {
  const type = value?.[propertyName];
  return Object.hasOwn(mapping, type) ? resolved(schemas, { $ref: mapping[type] }) : undefined;
}

function kindOf(schemas, schema) {
  if (schema.anyOf) return { kind: schema.anyOf.some(({ $ref }) => $ref) ? "held_out" : "interval" };
  if (schema.enum) return { kind: "choice", choices: schema.enum };
  if (schema.type === "array") return listOf(schemas, schema.items);
  if (schema.type === "object") return { kind: "pairs", preset: {} };
  return { kind: { boolean: "check", integer: "integer", number: "number" }[schema.type] ?? "text" };
}

function listOf(schemas, items) {
  if (items.enum) return { kind: "checks", choices: items.enum };
  if (!items.discriminator) return { kind: "list" };
  const fieldsOf = (item) => {
    const chosen = branch(schemas, items, item);
    return chosen ? inside(schemas, chosen, item, []) : [];
  };
  return { kind: "targets", choices: Object.keys(items.discriminator.mapping), fieldsOf };
}

/** What a property is besides null. */
function plain(schemas, property) {
  const parts = property.anyOf?.filter(({ type }) => type !== "null");
  const isNullable = parts !== undefined && parts.length < property.anyOf.length;
  if (parts?.length === 1) return { schema: resolved(schemas, parts[0]), isNullable };
  return { schema: resolved(schemas, parts ? { ...property, anyOf: parts } : property), isNullable };
}

const resolved = (schemas, schema) => (schema.$ref ? schemas[schema.$ref.split("/").at(-1)] : schema);

/** @param {any} spec  @param {string[]} path */
export const valueAt = (spec, path) => path.reduce((value, name) => value?.[name], spec);

/** A spec with one value changed; undefined leaves the field, and groups that hold nothing then, out. */
export function changed(spec, path, value) {
  const [name, ...rest] = path;
  const { [name]: before, ...others } = spec ?? {};
  const after = rest.length ? changed(before, rest, value) : value;
  const isEmpty = after === undefined || (rest.length > 0 && Object.keys(after).length === 0);
  return isEmpty ? others : { ...spec, [name]: after };
}

/** A spec that was submitted, without what it would be anyhow. @param {Record<string, any>} schemas  @param {any} spec */
export function told(schemas, spec) {
  return fieldsOf(schemas, spec).reduce((found, { path, preset, opens }) => {
    const value = valueAt(spec, path) ?? null;
    if (same(value, preset)) return found;
    return changed(found, path, opens ? {} : value);
  }, {});
}

/** Whether two values are written alike. @param {unknown} one  @param {unknown} other */
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** The path of a field that a problem names: without the branch of a union. @param {string} location  @param {Field[]} fields */
export function named(location, fields) {
  const parts = location.split(".");
  const paths = fields.map(({ path }) => path.join("."));
  const without = parts.map((_, place) => parts.toSpliced(place, 1).join("."));
  return [location, ...without].find((path) => paths.includes(path)) ?? location;
}
