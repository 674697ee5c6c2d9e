"""Secrets in text, made unreadable: keys of this service, what headers carry, signatures of URLs, passwords."""

import re

HIDDEN = "[hidden]"
_VALUE = r"[^\s&\"'\\,;)\]}]+"
_HEADER = r"\b((?:set-)?cookie|authorization|x-api-key)([\s\"'\\]*[:=,]\s*(?:b?[\"'\\]+)?)(?![\s\[\"'\\])[^\r\n\"'\\]+"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), to)
    for pattern, to in (
        (r"\bty_([0-9a-z]+)_[\w-]+", rf"ty_\1_{HIDDEN}"),  # its id tells whose key it is
        (r"\b(whsec|hf)_[\w+/=]{8,}", rf"\1_{HIDDEN}"),
        (r"\b(bearer|basic)\s+(?!\[)[\w.~+/=-]{8,}", rf"\1 {HIDDEN}"),
        (_HEADER, rf"\1\2{HIDDEN}"),
        (r"(://)[^/\s@\"'\\]*@", rf"\1{HIDDEN}@"),
        (r"(\b[a-z][a-z0-9+]*://[^\s?\"'\\]+)\?[^\s\"'\\]+", rf"\1?{HIDDEN}"),
        (rf"\b([\w-]*(?:api_?key|token|secret|signature|password|credential)[\w-]*)=(?!\[){_VALUE}", rf"\1={HIDDEN}"),
    )
)


def redacted(text: str) -> str:
    """A text without what looks like a secret."""
    for pattern, to in _RULES:
        text = pattern.sub(to, text)
    return text
