"""Jobs that learn from pairs of answers: what they come to, go on from, and are measured by."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import log_softmax, logsigmoid
from transformers import AutoModelForImageTextToText, AutoProcessor

from tests.families.tasks import image_part, preferred
from tests.integration.runs import Run, changed
from trainer_core.contract.errors import InvalidDataset
from trainer_core.contract.events import (
    ArtifactVerified,
    CheckpointSaved,
    EvaluationCompleted,
    FeaturesTried,
    StepCompleted,
)
from trainer_core.contract.spec import (
    Checkpointing,
    Dpo,
    Evaluation,
    Export,
    FullFineTune,
    Hyperparameters,
    JobSpec,
    Lora,
    Method,
    Resources,
)
from trainer_core.data.images import decode

Pair = Callable[..., dict[str, Any]]
WriteRows = Callable[[Path, Sequence[dict[str, Any]]], Path]
BETA = 0.5
METHODS: dict[str, Method] = {
    "full": FullFineTune(),
    "adapter": Lora(rank=4, dropout=0.3),
    "dora": Lora(rank=4, dora=True),
    "nf4": Lora(rank=4, quantization="nf4"),
}
FULL_AND_ADAPTER = [
    pytest.param(FullFineTune(), id="full"),
    pytest.param(Lora(rank=4, dropout=0.0), id="adapter", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def pairs(pair: Pair) -> list[dict[str, Any]]:
    """Eight pairs of different lengths, some without a picture."""
    return [
        pair(f"yes {number} " * (1 + number % 3), "no", shade=None if number % 4 == 3 else 20 * number)
        for number in range(8)
    ]


@pytest.fixture(scope="module")
def dataset(pairs: list[dict[str, Any]], write_rows: WriteRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "pairs.jsonl", pairs)


@pytest.fixture(scope="module")
def spec(starter_dir: Path, dataset: Path) -> JobSpec:
    """Four pairs a step, two steps an epoch."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(dataset),
        eval_dataset=str(dataset),
        objective=Dpo(beta=BETA),
        hyperparameters=Hyperparameters(num_epochs=2, batch_size=4, learning_rate=1e-3, warmup_ratio=0.0),
        checkpointing=Checkpointing(every=1, keep_last=10),
        export=Export(merged=False),
    )


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.long if name in ("dora", "nf4") else []) for name in METHODS],
)
def whole(request: pytest.FixtureRequest, spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with each method."""
    return Run(tmp_path_factory.mktemp("whole")).of(spec.model_copy(update={"method": METHODS[request.param]}))


def test_the_first_loss_is_that_of_not_preferring_either(whole: Run) -> None:
    assert whole.losses[0] == pytest.approx(math.log(2), abs=1e-5)


def test_pairs_are_learned(whole: Run) -> None:
    first, last = whole.told(EvaluationCompleted)
    assert last.loss < first.loss < math.log(2)


def test_a_run_goes_on_to_the_bit(whole: Run, tmp_path: Path) -> None:
    first = whole.told(CheckpointSaved)[0]

    resumed = Run(tmp_path).of(whole.spec, resume=whole.run_dir / first.path)

    assert resumed.series == [one for one in whole.series if one[0] > first.step]
    assert resumed.rewards == whole.rewards[first.step :]
    assert resumed.weights == whole.weights


def test_rewards_are_told_of_steps_evaluations_and_checkpoints(whole: Run) -> None:
    names = {"rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"}

    assert {frozenset(one.metrics) for one in whole.told(StepCompleted)} == {frozenset(names)}
    assert {frozenset(one.scores) for one in whole.told(EvaluationCompleted)} == {frozenset(names)}
    assert names | {f"eval_{name}" for name in names} <= whole.told(CheckpointSaved)[-1].metrics.keys()


def test_the_artifact_is_what_was_trained(whole: Run) -> None:
    assert whole.told(ArtifactVerified)[0].difference < 1e-4


class ByHand:
    """Loss and gradient as the paper has them, row by row in double precision, from nothing but texts."""

    def __init__(self, reference: Path, policy: Path) -> None:
        self._processor: Any = AutoProcessor.from_pretrained(reference)
        self.models = [AutoModelForImageTextToText.from_pretrained(one).double() for one in (reference, policy)]

    def loss(self, pairs: Sequence[dict[str, Any]]) -> torch.Tensor:
        losses = []
        for one in pairs:
            (chosen_before, rejected_before), (chosen, rejected) = (
                [self._log_probability(model, one, name) for name in ("preferred_output", "non_preferred_output")]
                for model in self.models
            )
            losses.append(
                -logsigmoid(BETA * ((chosen - chosen_before.detach()) - (rejected - rejected_before.detach())))
            )
        return torch.stack(losses).mean()

    def _log_probability(self, model: Any, pair: dict[str, Any], name: str) -> torch.Tensor:
        [question] = pair["input"]["messages"]
        urls = [part["image_url"]["url"] for part in question["content"] if part["type"] == "image_url"]
        parts = [{"type": "image"} if part["type"] == "image_url" else part for part in question["content"]]
        asked, answered = (
            self._processor(
                text=self._processor.apply_chat_template([{"role": "user", "content": parts}, *more], **how),
                images=[decode(url) for url in urls] or None,
                return_tensors="pt",
                add_special_tokens=False,
            )
            for more, how in (([], {"add_generation_prompt": True}), (pair[name], {}))
        )
        ids = answered["input_ids"][0]
        inputs = {key: one.double() if one.is_floating_point() else one for key, one in answered.items()}
        told = log_softmax(model(**inputs).logits[0], -1)
        places = range(asked["input_ids"].shape[1], len(ids))
        return torch.stack([told[place - 1, ids[place]] for place in places]).sum()


def test_loss_and_gradient_are_those_of_the_paper(spec: JobSpec, pairs: list[dict[str, Any]], tmp_path: Path) -> None:
    run = Run(tmp_path).of(changed(spec, batch_size=8, max_grad_norm=None))
    by_hand = ByHand(Path(spec.base_model), tmp_path / "checkpoints/step-000001")

    loss = by_hand.loss(pairs)
    loss.backward()  # type: ignore[no-untyped-call]

    gradients = [one.grad for one in by_hand.models[1].parameters() if one.grad is not None]
    second = run.told(StepCompleted)[1]
    assert second.loss == pytest.approx(loss.item(), abs=1e-5)
    assert second.grad_norm == pytest.approx(float(torch.cat([one.flatten() for one in gradients]).norm()), rel=1e-4)


@pytest.mark.parametrize(
    "choice",
    [
        {"gradient_checkpointing": True},
        {"max_batch_tokens": 100},
        {"batch_size": 2, "gradient_accumulation_steps": 2},
        {"group_by_length": True, "batch_size": 8},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", FULL_AND_ADAPTER)
def test_how_a_step_is_computed_changes_no_loss(
    spec: JobSpec, tmp_path: Path, choice: dict[str, Any], method: Method
) -> None:
    spec = changed(spec, batch_size=choice.get("batch_size", 4) if "group_by_length" in choice else 4)
    plain = Run(tmp_path / "plain").of(spec.model_copy(update={"method": method}))

    run = Run(tmp_path / "run").of(changed(plain.spec, **choice))

    assert run.losses == pytest.approx(plain.losses, abs=1e-5)


@pytest.mark.parametrize("method", FULL_AND_ADAPTER)
def test_in_half_precision_the_losses_are_about_the_same(spec: JobSpec, tmp_path: Path, method: Method) -> None:
    spec = spec.model_copy(update={"method": method})
    plain = Run(tmp_path / "plain").of(spec)

    run = Run(tmp_path / "run").of(changed(spec, precision="bf16"))

    assert run.losses == pytest.approx(plain.losses, abs=0.1)
    assert run.losses[-1] < math.log(2)  # type: ignore[operator]


def test_images_are_looked_at_once_for_all_answers(spec: JobSpec, tmp_path: Path) -> None:
    adapted = spec.model_copy(update={"method": Lora(rank=4, dropout=0.0)})
    plain = Run(tmp_path / "plain").of(adapted.model_copy(update={"resources": Resources(feature_cache="off")}))

    run = Run(tmp_path / "run").of(adapted.model_copy(update={"resources": Resources(feature_cache="on")}))

    [tried] = run.told(FeaturesTried)
    assert (tried.verdict, tried.num_images) == ("used", 6)
    assert run.losses == pytest.approx(plain.losses, abs=1e-4)


def test_answers_are_preferred_by_what_a_picture_shows(spec: JobSpec, write_rows: WriteRows, tmp_path: Path) -> None:
    answers = ("dark", "light")
    rows = [preferred(*(answers if number % 2 else answers[::-1]), image_part(number)) for number in range(16)]
    path = str(write_rows(tmp_path / "pairs.jsonl", rows))
    changes = {
        "train_dataset": path,
        "eval_dataset": path,
        "evaluation": Evaluation(every=16, metric="rewards/accuracies"),
        "checkpointing": Checkpointing(every=16),
    }

    run = Run(tmp_path / "run").of(changed(spec, num_epochs=16, batch_size=16).model_copy(update=changes))

    [evaluated] = run.told(EvaluationCompleted)
    assert 0.3 < run.rewards[1]["rewards/accuracies"] < 0.7
    assert evaluated.scores["rewards/accuracies"] > 0.9


def test_a_job_on_conversations_says_that_it_wants_pairs(spec: JobSpec, shades_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="line 1: no pair of answers, of which objective dpo wants input"):
        Run(tmp_path).of(spec.model_copy(update={"train_dataset": str(shades_file)}))


def test_a_job_on_pairs_says_that_it_wants_conversations(spec: JobSpec, dataset: Path, tmp_path: Path) -> None:
    plain = JobSpec(base_model=spec.base_model, train_dataset=str(dataset))

    with pytest.raises(InvalidDataset, match="line 1: a pair of answers: set objective to dpo"):
        Run(tmp_path).of(plain)
