#!/usr/bin/env bash
# Fine-tune a model with OpenAI's command line, as it was up to 2.34: `bash fine_tune.sh train.jsonl`.
#
# Nothing in it knows of Tuneyard: OPENAI_BASE_URL=http://127.0.0.1:8000/v1 and OPENAI_API_KEY=ty_… decide who trains.
set -euo pipefail
rows=$1
model=${MODEL:-gpt-4o-2024-08-06}

field() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

file=$(openai api files.create --file "$rows" --purpose fine-tune | field id)
echo "uploaded $file"

job=$(openai api fine_tuning.jobs.create --model "$model" --training-file "$file" --suffix digits \
    --hyperparameters '{"n_epochs": 1}' | field id)
echo "created $job"

while status=$(openai api fine_tuning.jobs.retrieve --id "$job" | field status); do
    case $status in succeeded | failed | cancelled) break ;; esac
    sleep 1
done
echo "ended $status"
openai api fine_tuning.jobs.list_events --id "$job" --limit 100
openai api fine_tuning.jobs.list --limit 1
[ "$status" = succeeded ]

trained=$(openai api fine_tuning.jobs.retrieve --id "$job" | field fine_tuned_model)
openai api models.retrieve --id "$trained"
echo "answer $(openai api chat.completions.create --model "$trained" --message user 'Which digit is this?' --max-tokens 8)"
openai api chat.completions.create --model "$trained" --message user 'Which digit is this?' --max-tokens 8 --stream
echo
openai api files.list
