"""JSON bodies, read strictly: every field that is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from starlette.requests import Request

from compat_rest.errors import MalformedJson
from resolvers.errors import FieldError, InvalidInput

MAX_NAME_CHARACTERS = 64
MAX_FAULTS = 50
"""More are not named: a body of a million wrong fields gets a short answer."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A body's fields that are of the declared type, and what is wrong with the others."""

    values: dict[str, object]
    faults: tuple[FieldError, ...]


async def read_fields(
    request: Request, wanted: type[msgspec.Struct], shown: type[msgspec.Struct]
) -> Fields:
    """The fields of a JSON object, whatever its Content-Type says.

    Types are strict: `"5"` is no number and 1 no boolean; null stands for nothing. Of a name that
    comes twice the last counts, as in most JSON readers.

    Args:
        request: whose body is read.
        wanted: declares the fields that a client may send.
        shown: declares those that it sees; the others of these are the server's to set.

    Raises:
        MalformedJson: not JSON in UTF-8.
        InvalidInput: JSON, but no object.
    """
    body = await request.body()
    _check_json(body)
    try:
        given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        raise InvalidInput(FieldError("body", "want a JSON object")) from error
    declared = {each.name: each for each in msgspec.structs.fields(wanted)}
    values: dict[str, object] = {}
    faults = [
        FieldError(name, "is required")
        for name, each in declared.items()
        if each.required and name not in given
    ]
    for name, raw in given.items():
        if name not in declared:
            faults.append(_unwanted(name, shown))
            continue
        try:
            values[name] = msgspec.json.decode(raw, type=declared[name].type)
        except msgspec.ValidationError as error:
            faults.append(FieldError(name, str(error).replace("`", "")))
    return Fields(values, tuple(faults[:MAX_FAULTS]))


def _check_json(body: bytes) -> None:
    """Reads all of it first, so that what is no JSON is told apart from what is no camera."""
    try:
        msgspec.json.decode(body)
    except msgspec.ValidationError:
        return  # a number that fits nowhere: its field is named later
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson("the body is not JSON in UTF-8") from error
    except RecursionError as error:
        raise MalformedJson("the body is nested too deeply") from error


def _unwanted(name: str, shown: type[msgspec.Struct]) -> FieldError:
    known = name in shown.__struct_fields__
    message = "cannot be set by a client" if known else "is no field of this"
    return FieldError(name[:MAX_NAME_CHARACTERS], message)
