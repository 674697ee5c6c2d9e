"""What a process that opens strangers' files may see of the environment of whoever starts it."""

from collections.abc import Mapping

from trainer_core.contract.trust import TRUST_VARIABLE

_ALLOWED = (
    "CUDA_", "HF_", "LC_", "NCCL_", "NVIDIA_", "OMP_", "MKL_", "PYTORCH_", "TORCH_", "TRANSFORMERS_", "SSL_CERT_",
)  # fmt: skip
_ALLOWED_NAMES = frozenset(
    {
        "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LD_LIBRARY_PATH", "NO_PROXY", "PATH", "PYTHONPATH", "TMPDIR",
        "TUNEYARD_INSTANCE", TRUST_VARIABLE,
    }
)  # fmt: skip


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that it may see: nothing with a credential of database, broker or bucket."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _ALLOWED_NAMES or name.startswith(_ALLOWED)
    }
