// Fine-tune a model that reads images with OpenAI's SDK for Node: `node fine_tune.mjs train.jsonl`.
//
// Nothing in it knows of Tuneyard: OPENAI_BASE_URL=http://127.0.0.1:8000/v1 and OPENAI_API_KEY=ty_… decide who trains.
import fs from "node:fs";
import OpenAI from "openai";

const model = process.env.MODEL ?? "gpt-4o-2024-08-06";
const ended = ["succeeded", "failed", "cancelled"];
const rows = process.argv[2];
const client = new OpenAI();

const file = await client.files.create({ file: fs.createReadStream(rows), purpose: "fine-tune" });
await client.files.waitForProcessing(file.id);
console.log("uploaded", file.id);

let job = await client.fineTuning.jobs.create({
  training_file: file.id,
  model,
  suffix: "digits",
  seed: 7,
  method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 1, batch_size: "auto" } } },
});
console.log("created", job.id, job.status);

while (!ended.includes(job.status)) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  job = await client.fineTuning.jobs.retrieve(job.id);
}
console.log("ended", job.status, job.trained_tokens, "tokens");
const events = await client.fineTuning.jobs.listEvents(job.id, { limit: 100 });
for (const event of events.data.reverse()) console.log("event", event.level, event.message);
if (job.status !== "succeeded") throw new Error(JSON.stringify(job.error));

for await (const checkpoint of client.fineTuning.jobs.checkpoints.list(job.id))
  console.log("checkpoint", checkpoint.step_number, checkpoint.fine_tuned_model_checkpoint);

for (const id of job.result_files) {
  const csv = await (await client.files.content(id)).text();
  console.log("results", csv.split("\n")[0]);
}

const messages = JSON.parse(fs.readFileSync(rows, "utf8").split("\n")[0]).messages;
const answer = messages.pop();
const completion = await client.chat.completions.create({ model: job.fine_tuned_model, messages, max_tokens: 8 });
console.log("answer", JSON.stringify(completion.choices[0].message.content), "expected", JSON.stringify(answer.content));

let text = "";
const stream = await client.chat.completions.create({
  model: job.fine_tuned_model,
  messages,
  max_tokens: 8,
  stream: true,
});
for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
console.log("streamed", JSON.stringify(text));
