"""Number plates as text: what was read, brought into the form that Vietnam writes; pure.

A plate is two digits of a province, a series (a letter, two letters, or a letter and a digit; `MĐ`
and a digit of electric motorcycles) and four or five digits: `51F-123.45`, `29B1-234.56`,
`30A-1234`. It stands on one line or on two, the second line being the number alone. `Đ`, which
readers and keyboards lack, is told as `D`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NO_SIGN = re.compile(r"[^0-9A-Z]")
_LETTER = "[A-HK-NPR-VX-Z]"
"""I, J, O, Q and W are in no series."""
_ONE_LINE = (
    re.compile(rf"(\d\d)({_LETTER}{{1,2}})(\d{{5}})"),
    re.compile(rf"(\d\d)({_LETTER}\d|MD\d)(\d{{5}})"),
    re.compile(rf"(\d\d)({_LETTER}{{1,2}})(\d{{4}})"),
)
"""Tried in this order: `29B12345` may be `29B-123.45` or `29B1-2345`, and the latter are old."""
_UPPER = re.compile(rf"(\d\d)({_LETTER}{{1,2}}|{_LETTER}\d|MD\d)")
_LOWER = re.compile(r"\d{4,5}")

_AS_DIGIT = str.maketrans("ODQILZSBG", "000112586")
_AS_LETTER = str.maketrans("028456", "DZBASG")
"""What looks alike, where one of the two cannot stand."""

LEAST_SIGNS, MOST_SIGNS = 4, 12
"""Of a plate that is not of this form: it is told as it was read."""


def plate_text(lines: Sequence[str]) -> str | None:
    """The plate that these lines are, from the upper one on; None where they are none.

    What is not of the form above counts as a plate of another country when it has a digit and 4 to
    12 letters and digits, and is told without signs between them.
    """
    bare = [plate_key(line) for line in lines]
    known = _two_lines(*bare) if len(bare) == 2 else _one_line("".join(bare))
    if known is not None:
        return known
    whole = "".join(bare)
    has_digit = any(sign.isdigit() for sign in whole)
    return whole if has_digit and LEAST_SIGNS <= len(whole) <= MOST_SIGNS else None


def plate_key(text: str) -> str:
    """What two ways of writing one plate have in common: its letters and digits, `51F12345`."""
    return _NO_SIGN.sub("", without_stroke(text).upper())


def without_stroke(text: str) -> str:
    """`Đ` as `D`."""
    return text.replace("Đ", "D").replace("đ", "d")


def is_of_form(text: str) -> bool:
    """Whether `plate_text` knew the form."""
    return "-" in text


def _one_line(bare: str) -> str | None:
    for letters in (2, 1):
        for form in _ONE_LINE:
            found = form.fullmatch(_corrected(bare, letters))
            if found is not None:
                return _written(*found.groups())
    return None


def _two_lines(upper: str, lower: str) -> str | None:
    series = _UPPER.fullmatch(_corrected(upper, 2)) or _UPPER.fullmatch(_corrected(upper, 1))
    number = _LOWER.fullmatch(lower.translate(_AS_DIGIT))
    if series is None or number is None:
        return None
    province, letters = series.groups()
    return _written(province, letters, number.group())


def _corrected(bare: str, letters: int) -> str:
    """With a province of digits, up to so many letters, and digits from there on.

    A second letter is never made out of a digit: series with a digit are as common.
    """
    province, first, second, rest = bare[:2], bare[2:3], bare[3:4], bare[4:]
    if letters == 1 or not second.isalpha():
        second = second.translate(_AS_DIGIT)
    return (
        province.translate(_AS_DIGIT)
        + first.translate(_AS_LETTER)
        + second
        + rest.translate(_AS_DIGIT)
    )


def _written(province: str, series: str, number: str) -> str:
    dotted = f"{number[:3]}.{number[3:]}" if len(number) == 5 else number
    return f"{province}{series}-{dotted}"
