"""Hides credentials in whatever is shown, logged or raised."""

from __future__ import annotations

import re

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>\S+)")
_KEY = (
    r"(?P<key>(?:^|(?<=[/?&;,_]))(?:user(?:name)?|usr|login|pass(?:word|wd|phrase)?|pwd|psw|auth|"
    r"(?:access_?|auth_?)?token|api_?key|key|secret)=)"
)
_VALUE_IN_PATH = re.compile(_KEY + r"[^&;,/#\s]*", re.IGNORECASE)
_VALUE_IN_QUERY = re.compile(_KEY + r"[^&\s]*", re.IGNORECASE)


def redact(url: str) -> str:
    """`rtsp://user:pass@host/path` as `rtsp://***@host/path`.

    Values of parameters that hold credentials (`user=`, `password=`, …) become `***` too: many
    recorders take them in the path. In doubt it hides too much: everything before the last `@`
    goes, as a password may hold `@` and `/` unescaped; a value in the query goes up to the next
    `&`, whatever is in it.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return _hide_values(url)
    return f"{scheme}://{_redact_rest(rest)}"


def redact_text(text: str) -> str:
    """A message of any origin, with every URL in it redacted."""
    return _URL.sub(lambda found: found["scheme"] + _redact_rest(found["rest"]), text)


def _redact_rest(rest: str) -> str:
    _, mark, shown = rest.rpartition("@")
    if mark:
        rest = f"***@{shown}"
    return _hide_values(rest)


def _hide_values(text: str) -> str:
    path, mark, query = text.partition("?")
    hidden = _VALUE_IN_PATH.sub(r"\g<key>***", path)
    return hidden + mark + _VALUE_IN_QUERY.sub(r"\g<key>***", query)
