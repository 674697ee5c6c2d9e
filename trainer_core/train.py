"""One run, from its spec to its artifact: composition root of the trainer."""

from contextlib import suppress
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from pytorch_lightning import seed_everything
from pytorch_lightning.utilities.exceptions import SIGTERMException
from transformers import ProcessorMixin

from trainer_core.contract.events import Phase, PhaseEntered, RunStarted, RunSucceeded
from trainer_core.contract.manifest import sha256_of
from trainer_core.contract.spec import JobSpec
from trainer_core.data.pairing import PairedRows, Rows, as_taken
from trainer_core.training import ranks
from trainer_core.training.artifact import write_artifact
from trainer_core.training.checkpoints import Best, Checkpoints
from trainer_core.training.conductor import Conductor, Emit
from trainer_core.training.devices import Device
from trainer_core.training.evaluation import Evaluator
from trainer_core.training.failures import loading
from trainer_core.training.feature_store import FeatureStore
from trainer_core.training.features import Images
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.folders import write_folder
from trainer_core.training.identity import Identity, identity_of
from trainer_core.training.improvement import Improvement
from trainer_core.training.lightning import eval_loader, make_trainer, step_lines, train_loader
from trainer_core.training.model_card import model_card
from trainer_core.training.plan import Plan
from trainer_core.training.preference_tuning import PreferenceTuning
from trainer_core.training.preparation import prepare
from trainer_core.training.progress import Progress
from trainer_core.training.snapshot import Checkpoint
from trainer_core.training.stopping import StopRequest
from trainer_core.training.verification import Verify, verify_in_fresh_process


def train(
    spec: JobSpec,
    run_dir: Path,
    emit: Emit,
    stop: StopRequest,
    resume: Path | None = None,
    store: FeatureStore | None = None,
    verify: Verify = verify_in_fresh_process,
) -> None:
    """Train as the spec says, in which base model and datasets are paths; leave checkpoints and an artifact.

    Args:
        store: Where rows and features of images are kept for other runs; by default features are in memory, for this.
        verify: Reads the artifact back.
    """
    emit(PhaseEntered(phase=Phase.LOADING))
    seed_everything(spec.seed, workers=True, verbose=False)
    device, digest = Device.of(spec), cache(sha256_of)
    identity = identity_of(spec, digest)
    checkpoint = Checkpoint.load(resume, identity) if resume else None
    progress = checkpoint.progress if checkpoint else Progress(Improvement(spec.evaluation.metric))
    processor, train_rows, eval_rows = prepare(spec, stop, shelf=store, digest=digest)
    items, eval_items = as_taken(train_rows, eval_rows)
    plan = Plan.of(spec, len(items), progress.step)
    checkpoints = Checkpoints(run_dir, plan, spec.checkpointing, identity, progress, checkpoint)
    evaluator = Evaluator.of(spec, eval_items, device) if eval_items else None
    loader, lines = train_loader(spec, items, plan, device), step_lines(spec, items, plan)
    conductor = Conductor(plan, emit, stop, checkpoints, progress, evaluator, checkpoint, lines)
    trainer = make_trainer(device, 0 if progress.is_last else plan.total_steps - plan.first_step, [conductor])
    images = Images.of(train_rows, eval_rows, store, loader)
    parts = (spec, plan, processor, device, resume, emit, train_rows.examples(), images)
    module = preferring(parts, items, eval_items, stop) if isinstance(items, PairedRows) else FineTuning(*parts)
    with loading(spec.base_model), trainer.init_module(empty_init=False):
        module.configure_model()
    stop.obey()
    emit(started(module, plan, device, len(eval_items or ())))
    # Lightning has an answer to SIGTERM of its own; ours comes next.
    with checkpoints.completed(emit, stop), suppress(SIGTERMException):
        trainer.fit(module, loader)
    stop.obey()
    module.gather()
    if ranks.rank() > 0:
        return
    best = checkpoints.best if spec.export.state == "best" else None
    leave_artifact(module, run_dir / "artifact", identity, progress, best, emit, verify)
    seconds, best_step = conductor.training_seconds, best.step if best else None
    emit(RunSucceeded(step=progress.step, path="artifact", training_seconds=seconds, best_step=best_step))


def preferring(parts: tuple[Any, ...], pairs: Rows, eval_pairs: Rows | None, stop: StopRequest) -> PreferenceTuning:
    """A module that learns from pairs.

    Args:
        parts: What `FineTuning` is made of.
        pairs: To train on.
        eval_pairs: To evaluate on.
        stop: Ends the look at all pairs before the first step.
    """
    spec, _, _, device, *_ = parts
    rows = [one for one in (pairs, eval_pairs) if one is not None]
    loaders = [eval_loader(spec, one, device) for one in rows]
    num_pairs, all_pairs = sum(map(len, rows)), partial(chain.from_iterable, loaders)
    return PreferenceTuning(*parts, num_pairs=num_pairs, all_pairs=all_pairs, obey=stop.obey)


def leave_artifact(
    module: FineTuning,
    folder: Path,
    identity: Identity,
    progress: Progress,
    best: Best | None,
    emit: Emit,
    verify: Verify,
) -> None:
    """Write the state of the last step, or the best one, with its card."""
    emit(PhaseEntered(phase=Phase.SAVING))
    if best is not None:
        module.load_weights(best.folder)
    card = model_card(
        module.spec,
        identity,
        reads_images=isinstance(module.processor, ProcessorMixin),
        num_steps=best.step if best else progress.step,
        metrics=progress.metrics,
    )
    write_folder(folder, lambda draft: emit(write_artifact(module, draft, card, verify)))


def started(module: FineTuning, plan: Plan, device: Device, num_eval_rows: int) -> RunStarted:
    """What is about to be trained."""
    return RunStarted(
        first_step=plan.first_step,
        total_steps=plan.total_steps,
        num_train_rows=plan.num_rows,
        num_eval_rows=num_eval_rows,
        num_parameters=sum(parameter.numel() for parameter in module.parameters()),
        num_trainable_parameters=sum(parameter.numel() for parameter in module.trainable_parameters()),
        device=device.name,
        precision=device.precision,
    )
