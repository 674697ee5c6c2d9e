import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, fieldsOf, named, told } from "../../../../api/dashboard/static/spec_schema.js";

const SCHEMAS = {
  JobSpec: {
    properties: {
      base_model: { type: "string" },
      method: {
        oneOf: [{ $ref: "#/components/schemas/Full" }, { $ref: "#/components/schemas/Lora" }],
        default: { type: "full" },
        discriminator: { propertyName: "type", mapping: { full: "#/components/schemas/Full", lora: "#/components/schemas/Lora" } },
      },
      evaluation: { $ref: "#/components/schemas/Evaluation", default: {} },
      metadata: { type: "object" },
    },
  },
  Full: { properties: { type: { const: "full" } } },
  Lora: { properties: { type: { const: "lora" }, rank: { type: "integer", default: 16 } } },
  Evaluation: {
    properties: {
      every: { anyOf: [{ type: "string", const: "epoch" }, { type: "integer" }], default: "epoch" },
      generation: { anyOf: [{ $ref: "#/components/schemas/Generation" }, { type: "null" }] },
    },
  },
  Generation: { properties: { max_rows: { type: "integer", default: 200 } } },
};
const paths = (spec) => fieldsOf(SCHEMAS, spec).map(({ path }) => path.join("."));

test("a union has the fields of the branch that is chosen", () => {
  assert.ok(!paths({}).includes("method.rank"));
  assert.ok(paths({ method: { type: "lora" } }).includes("method.rank"));
});

test("a group that may be null has its fields once it is wanted", () => {
  assert.ok(!paths({}).includes("evaluation.generation.max_rows"));
  assert.ok(paths({ evaluation: { generation: {} } }).includes("evaluation.generation.max_rows"));
});

test("what is set back to nothing leaves no empty group", () => {
  const spec = changed({ base_model: "starter" }, ["evaluation", "every"], 5);

  assert.deepEqual(spec, { base_model: "starter", evaluation: { every: 5 } });
  assert.deepEqual(changed(spec, ["evaluation", "every"], undefined), { base_model: "starter" });
});

test("a submitted spec is told without what it would be anyhow", () => {
  const spec = { base_model: "starter", method: { type: "lora", rank: 16 }, evaluation: { every: "epoch", generation: { max_rows: 200 } }, metadata: {} };

  assert.deepEqual(told(SCHEMAS, spec), { base_model: "starter", method: { type: "lora" }, evaluation: { generation: {} } });
});

test("a refusal names the branch of a union, a field does not", () => {
  assert.equal(named("method.lora.rank", fieldsOf(SCHEMAS, { method: { type: "lora" } })), "method.rank");
});
