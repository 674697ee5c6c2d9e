"""Fine-tune a model that reads images with OpenAI's SDK: `python fine_tune.py train.jsonl`.

Nothing in it knows of Tuneyard. `OPENAI_BASE_URL=http://127.0.0.1:8000/v1` and `OPENAI_API_KEY=ty_…` decide who trains.
"""

import json
import os
import sys
import time

from openai import OpenAI

MODEL = os.environ.get("MODEL", "gpt-4o-2024-08-06")
ENDED = ("succeeded", "failed", "cancelled")

client = OpenAI()

with open(sys.argv[1], "rb") as rows:
    training_file = client.files.create(file=rows, purpose="fine-tune")
client.files.wait_for_processing(training_file.id)
print("uploaded", training_file.id)

job = client.fine_tuning.jobs.create(
    training_file=training_file.id,
    model=MODEL,
    suffix="digits",
    seed=7,
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": "auto"}}},
)
print("created", job.id, job.status)

while job.status not in ENDED:
    time.sleep(1)
    job = client.fine_tuning.jobs.retrieve(job.id)
print("ended", job.status, job.trained_tokens, "tokens")
for event in reversed(client.fine_tuning.jobs.list_events(job.id, limit=100).data):
    print("event", event.level, event.message)
if job.status != "succeeded":
    sys.exit(f"{job.error}")

for checkpoint in client.fine_tuning.jobs.checkpoints.list(job.id):
    print("checkpoint", checkpoint.step_number, checkpoint.fine_tuned_model_checkpoint)

for file_id in job.result_files:
    print("results", client.files.content(file_id).read().decode().splitlines()[0])

with open(sys.argv[1], encoding="utf-8") as rows:
    *question, answer = json.loads(rows.readline())["messages"]
completion = client.chat.completions.create(model=job.fine_tuned_model, messages=question, max_tokens=8)
print("answer", repr(completion.choices[0].message.content), "expected", repr(answer["content"]))

streamed = client.chat.completions.create(model=job.fine_tuned_model, messages=question, max_tokens=8, stream=True)
print("streamed", repr("".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)))
