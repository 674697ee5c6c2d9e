"""What a trainer may see of a worker's environment."""

from collections.abc import Mapping

_ALLOWED = (
    "CUDA_", "HF_", "LC_", "NCCL_", "NVIDIA_", "OMP_", "MKL_", "PYTORCH_", "TORCH_", "TRANSFORMERS_", "SSL_CERT_",
)  # fmt: skip
_ALLOWED_NAMES = frozenset(
    {"HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LD_LIBRARY_PATH", "NO_PROXY", "PATH", "TMPDIR", "TUNEYARD_INSTANCE"}
)


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a trainer may see: nothing with a credential of database or broker."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _ALLOWED_NAMES or name.startswith(_ALLOWED)
    }
