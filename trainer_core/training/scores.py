"""How good an answer is. Pure text in, numbers out."""

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_ANLS_THRESHOLD = 0.5
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)


@dataclass(frozen=True)
class Scores:
    """Of one answer, each from 0 to 1."""

    exact_match: float
    normalised_exact_match: float
    """Regardless of case, punctuation, articles and spaces (SQuAD, Rajpurkar et al. 2016)."""
    anls: float
    """Normalised Levenshtein similarity, 0 below one half (Biten et al. 2019)."""
    token_f1: float
    """Overlap of words (SQuAD)."""
    json_field_f1: float | None
    """Overlap of fields; None where the target is no JSON object or list."""


def score(target: str, output: str) -> Scores:
    """How near an output is to its target."""
    return Scores(
        exact_match=float(target == output),
        normalised_exact_match=float(_normalised(target) == _normalised(output)),
        anls=_anls(target, output),
        token_f1=_f1(Counter(_normalised(target).split()), Counter(_normalised(output).split())),
        json_field_f1=_json_field_f1(target, output),
    )


def mean_scores(scored: Sequence[Scores]) -> dict[str, float]:
    """Mean of each score over the answers that have it; a score that none has is left out."""
    found: dict[str, list[float]] = {}
    for scores in scored:
        for name, value in asdict(scores).items():
            if value is not None:
                found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _normalised(text: str) -> str:
    lowered = unicodedata.normalize("NFKC", text).lower()
    bare = "".join(character for character in lowered if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def _anls(target: str, output: str) -> float:
    first, second = (" ".join(text.lower().split()) for text in (target, output))
    if not first and not second:
        return 1.0
    similarity = 1 - _levenshtein(first, second) / max(len(first), len(second))
    return similarity if similarity >= _ANLS_THRESHOLD else 0.0


def _levenshtein(first: str, second: str) -> int:
    previous = list(range(len(second) + 1))
    for row, one in enumerate(first, 1):
        current = [row]
        for column, other in enumerate(second, 1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (one != other)))
        previous = current
    return previous[-1]


def _f1(target: Counter[Any], output: Counter[Any]) -> float:
    if not target or not output:
        return float(target == output)
    common = (target & output).total()
    return 2 * common / (target.total() + output.total())


def _json_field_f1(target: str, output: str) -> float | None:
    wanted = _json(target)
    if not isinstance(wanted, dict | list):
        return None
    found = _json(output)
    if not isinstance(found, dict | list):
        return 0.0
    return _f1(Counter(_fields(wanted)), Counter(_fields(found)))


def _json(text: str) -> Any:
    fenced = _FENCE.match(text.strip())
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except ValueError:
        return None


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Paths of all leaves with their values; the order of lists does not count."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _fields(one, f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from _fields(one, f"{path}[]")
    else:
        yield path, _normalised(str(value))
