import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, fieldsOf, named, told } from "../../../../api/dashboard/static/spec_schema.js";

const SCHEMAS = {
  JobSpec: {
    properties: {
      base_model: { type: "string", title: "Base model" },
      method: {
        title: "Method",
        oneOf: [{ $ref: "#/components/schemas/Full" }, { $ref: "#/components/schemas/Lora" }],
        default: { type: "full" },
        discriminator: { propertyName: "type", mapping: { full: "#/components/schemas/Full", lora: "#/components/schemas/Lora" } },
      },
      evaluation: { $ref: "#/components/schemas/Evaluation", title: "Evaluation", default: {} },
      metadata: { type: "object", title: "Metadata", additionalProperties: { type: "string" } },
      trackers: {
        type: "array",
        title: "Trackers",
        default: [],
        items: { oneOf: [{ $ref: "#/components/schemas/Wandb" }], discriminator: { propertyName: "type", mapping: { wandb: "#/components/schemas/Wandb" } } },
      },
    },
  },
  Full: { description: "Train everything.", properties: { type: { const: "full" } } },
  Lora: { description: "Train adapters.", properties: { type: { const: "lora" }, rank: { type: "integer", title: "Rank", default: 16 } } },
  Wandb: { properties: { type: { const: "wandb" }, project: { type: "string", title: "Project" } } },
  Evaluation: {
    properties: {
      every: { title: "How often", anyOf: [{ type: "string", const: "epoch" }, { type: "integer" }], default: "epoch" },
      generation: { title: "Written answers", anyOf: [{ $ref: "#/components/schemas/Generation" }, { type: "null" }] },
    },
  },
  Generation: { properties: { max_rows: { type: "integer", title: "Most rows", default: 200 } } },
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

test("a field is called by the document's title", () => {
  assert.equal(fieldsOf(SCHEMAS, {}).find(({ path }) => path.join(".") === "evaluation.every").title, "How often");
});

test("the words of a choice are those of what is chosen", () => {
  const wordsOf = (spec) => fieldsOf(SCHEMAS, spec).find(({ path }) => path.join(".") === "method.type").words;

  assert.deepEqual([wordsOf({}), wordsOf({ method: { type: "lora" } })], ["Train everything.", "Train adapters."]);
});

test("a list of things of several types knows the fields of each", () => {
  const trackers = fieldsOf(SCHEMAS, {}).find(({ kind }) => kind === "targets");

  assert.deepEqual(trackers.choices, ["wandb"]);
  assert.deepEqual(trackers.fieldsOf({ type: "wandb" }).map(({ path }) => path), [["project"]]);
});

test("what is set back to nothing leaves no empty group", () => {
  const spec = changed({ base_model: "starter" }, ["evaluation", "every"], 5);

  assert.deepEqual(spec, { base_model: "starter", evaluation: { every: 5 } });
  assert.deepEqual(changed(spec, ["evaluation", "every"], undefined), { base_model: "starter" });
});

test("a submitted spec is told without what it would be anyhow", () => {
  const spec = { base_model: "starter", method: { type: "lora", rank: 16 }, evaluation: { every: "epoch", generation: { max_rows: 200 } }, metadata: {}, trackers: [] };

  assert.deepEqual(told(SCHEMAS, spec), { base_model: "starter", method: { type: "lora" }, evaluation: { generation: {} } });
});

test("a refusal names the branch of a union, a field does not", () => {
  assert.equal(named("method.lora.rank", fieldsOf(SCHEMAS, { method: { type: "lora" } })), "method.rank");
});
