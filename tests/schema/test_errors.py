"""`docs/errors.md` has every code that there is, with its status, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from compat_rest import errors as rest
from compat_rest import live, ws
from resolvers.errors import VmsError
from schema import errors as graphql
from schema import sockets
from schema.enums import UserErrorCode

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
OURS = ("resolvers.", "schema.", "compat_rest.", "app.")


KindT = TypeVar("KindT")


def below(kind: type[KindT]) -> Iterator[type[KindT]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__.startswith(OURS):
            yield from below(each)


def of_use_cases() -> dict[str, str]:
    """Codes with the status that /v2 gives them."""
    stating = [each for each in below(VmsError) if "code" in vars(each)]
    return {each.code: str(rest.status_of(each.__new__(each))) for each in stating}


def of_requests() -> dict[str, str]:
    kinds = list(below(rest.HttpRefusal))
    plain = {"NOT_FOUND": "404", "METHOD_NOT_ALLOWED": "405"}
    assert live.MediaTypeRefused in kinds
    return plain | {each.code: str(each.status) for each in kinds}


def of_graphql() -> set[str]:
    """The constants of `schema.errors`."""
    return {value for name, value in vars(graphql).items() if name.isupper() and name[0] != "_"}


def rows(pattern: str) -> list[tuple[str, ...]]:
    return re.findall(pattern, PAPER, re.MULTILINE)


TOLD = {
    code: (where, status)
    for code, where, status in rows(r"^\| `(\w+)` \| (\S+) \| (\S+) \| [^|]+ \| [^|]+ \|$")
}
CLOSES = {each[0]: each[1] for each in rows(r"^\| (\d{4}) \| (\S+) \| [^|]+ \| [^|]+ \|$")}


def test_no_code_is_missing_and_none_is_invented() -> None:
    known = of_use_cases().keys() | of_requests().keys() | of_graphql()
    assert TOLD.keys() == known
    assert len(known) > 25
    assert {each.value for each in UserErrorCode} <= known


def test_each_code_is_told_with_its_status_and_dialect() -> None:
    statuses, at_the_door = of_use_cases(), of_requests()
    only_rest = {each.code for each in (ws.OriginRefused, ws.ConsumerTooSlow)}
    for code, (where, status) in TOLD.items():
        expected = statuses.get(code) or at_the_door.get(code) or "-"
        assert status == expected, code
        in_graphql = code in of_graphql() or (code in statuses and code not in only_rest)
        in_rest = code in statuses or code in at_the_door
        assert where == {(True, True): "both", (True, False): "GraphQL"}.get(
            (in_graphql, in_rest), "/v2"
        ), code


def test_each_close_code_is_told() -> None:
    text = Path(sockets.__file__).read_text(encoding="utf-8")
    of_sockets = set(re.findall(r"SocketOver\((\d{4})", text)) | {"1012"}  # uvicorn's, when it ends
    of_rest = {str(code) for code in ws.CLOSES}
    assert set(map(str, ws.CLOSE_CODES.values())) <= of_rest
    assert {
        code: "both" if code in of_sockets & of_rest else "GraphQL" if code in of_sockets else "/v2"
        for code in of_sockets | of_rest
    } == CLOSES
