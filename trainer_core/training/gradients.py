"""Which parameters the loss does not depend on, though they should be trained.

Real models have layers that no forward pass uses, the last ones of a CLIP tower whose features are taken before them,
and some whose choice cannot be differentiated: a router's bias, an index of the past, a tower that makes words of its
image.
"""

from torch import nn
from transformers import PreTrainedModel

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.models.parts import parameters_of


def untrained(model: PreTrainedModel, spec: JobSpec, *, has_images: bool) -> dict[str, nn.Parameter]:
    """Trained parameters that a backward pass left out, by name.

    A part whose adapter gets no gradient at all is an error, and so is most of a language model.

    Args:
        has_images: True if the rows have any; else nothing is told of a model that reads them.

    Raises:
        TrainerError: A part gets no gradient.
    """
    named = model.named_parameters()
    missing = {name: one for name, one in named if one.requires_grad and one.grad is None}
    ids = {id(parameter) for parameter in missing.values()}
    for part, parameters in parameters_of(model).items() if missing and has_images else ():
        trained = [one for one in parameters if one.requires_grad]
        lost = [one for one in trained if id(one) in ids]
        is_most = part == "language_model" and 2 * len(lost) > len(trained)
        is_all = isinstance(spec.method, Lora) and len(lost) == len(trained)
        if lost and (is_most or is_all):
            name = next(name for name, parameter in missing.items() if parameter is lost[0])
            message = f"{name} is to be trained, but the loss does not depend on it; freeze its part"
            raise TrainerError(FailureCode.UNTRAINED_PARAMETER, message)
    return missing
