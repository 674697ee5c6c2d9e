/** Specs field by field, and where several of them differ. */

/** `hyperparameters.learning_rate` by its value; what is empty is told as such. @param {any} value  @returns {[string, unknown][]} */
export function fields(value, path = "") {
  const isBranch = value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isBranch) return [[path, value]];
  return Object.entries(value).flatMap(([name, part]) => fields(part, path ? `${path}.${name}` : name));
}

/**
 * @param {any[]} specs
 * @returns {{path: string, values: (string | null)[], differs: boolean}[]}  In words; null where a spec has no such field.
 */
export function compared(specs) {
  const each = specs.map((spec) => new Map(fields(spec)));
  const all = [...new Set(each.flatMap((known) => [...known.keys()]))];
  const paths = all.filter((path) => !isSaidBelow(path, each, all));
  return paths.map((path) => {
    const values = each.map((known) => (known.has(path) ? inWords(known.get(path)) : null));
    return { path, values, differs: values.some((value) => value !== values[0]) };
  });
}

/** Whether a group is empty wherever it is a value, and its fields in other specs say so. */
function isSaidBelow(path, each, all) {
  const isEmpty = each.every((known) => Object.keys(known.get(path) ?? {}).length === 0);
  return isEmpty && all.some((other) => other.startsWith(`${path}.`));
}

const inWords = (/** @type {unknown} */ value) => (typeof value === "string" ? value : JSON.stringify(value));
