"""Variables, extensions and requests as large as a body may be."""

from __future__ import annotations

import json

from tests.hostile import (
    MOST_BYTES,
    Hostile,
    document,
    request,
)

# Variables.


def _given(text: str, variables: str) -> Hostile:
    return Hostile(f'{{"query": {json.dumps(text)}, "variables": {variables}}}'.encode())


_FILTERED = "query ($f: EventFilter) { events(filter: $f) { nodes { id } } }"
_PAYLOAD = """mutation ($p: JSON) { eventCreate(input: {key: "k", cameraId: "cam-none",
    typeName: "door", payload: $p}) { userErrors { code } } }"""
_CREATED = """mutation ($i: CameraCreateInput!) { cameraCreate(input: $i) {
    userErrors { code } } }"""


def _filled(piece: str, around: int = 200) -> str:
    return ",".join([piece] * ((MOST_BYTES - around) // (len(piece) + 1)))


@request
def _a_list_of_ids_as_long_as_a_body() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"cameraIds": [{_filled(chr(34) + "a" + chr(34))}]}}}}')


@request
def _a_list_of_types_as_long_as_a_body() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"types": [{_filled(chr(34) + "PERSON" + chr(34))}]}}}}')


@request
def _a_list_of_wrong_types_as_long_as_a_body() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"types": [{_filled("1")}]}}}}')


@request
def _a_list_of_names_as_long_as_a_body() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"typeNames": [{_filled(chr(34) + "a" + chr(34))}]}}}}')


@request
def _a_list_of_numbers_as_long_as_a_body() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"cameraIds": [{_filled("1")}]}}}}')


@request
def _boxes_as_many_as_fit() -> Hostile:
    text = """mutation ($b: [BoxInput!]!) { eventCreate(input: {key: "k", cameraId: "cam-none",
        typeName: "door", boxes: $b}) { userErrors { code } } }"""
    return _given(text, f'{{"b": [{_filled(chr(123) + chr(34) + "x" + chr(34) + ":1}")}]}}')


@request
def _whole_boxes_as_many_as_fit() -> Hostile:
    text = """mutation ($b: [BoxInput!]!) { eventCreate(input: {key: "k", cameraId: "cam-none",
        typeName: "door", boxes: $b}) { userErrors { code } } }"""
    return _given(text, f'{{"b": [{_filled(json.dumps({"x": 0, "y": 0, "w": 1, "h": 1}))}]}}')


@request
def _features_as_many_as_fit() -> Hostile:
    features = _filled(json.dumps("PERSON"), 400)
    some = f'{{"i": {{"name": "a", "rtspUrl": "b", "features": [{features}]}}}}'
    return _given(_CREATED, some)


@request
def _unknown_fields_of_an_input() -> Hostile:
    return document(_FILTERED, variables={"f": {f"k{n}": 1 for n in range(80_000)}})


@request
def _variables_that_nobody_asked_for() -> Hostile:
    return document("{ viewer { tenantId } }", variables={f"k{n}": 1 for n in range(80_000)})


@request
def _one_key_again_and_again() -> Hostile:
    return _given(_FILTERED, f"{{{_filled(chr(34) + 'f' + chr(34) + ':null')}}}")


@request
def _nested_lists_as_a_variable() -> Hostile:
    return _given(_FILTERED, '{"f": ' + "[" * 500_000 + "]" * 500_000 + "}")


@request
def _nested_lists_that_are_read() -> Hostile:
    return _given(_FILTERED, '{"f": {"cameraIds": ' + "[" * 900 + "]" * 900 + "}}")


@request
def _nested_objects_as_a_variable() -> Hostile:
    return _given(_FILTERED, '{"f": ' + '{"a":' * 150_000 + "1" + "}" * 150_000 + "}")


@request
def _a_huge_text() -> Hostile:
    return _given("query ($i: ID!) { event(id: $i) { id } }", f'{{"i": "{"x" * 1_000_000}"}}')


@request
def _a_huge_time() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"since": "{"9" * 1_000_000}"}}}}')


@request
def _a_huge_cursor() -> Hostile:
    text = "query ($a: String) { events(after: $a) { nodes { id } } }"
    return _given(text, f'{{"a": "{"QUJD" * 250_000}"}}')


@request
def _a_huge_number() -> Hostile:
    text = "query ($n: Int!) { cameras(first: $n) { nodes { id } } }"
    return _given(text, f'{{"n": {"9" * 1_000_000}}}')


@request
def _a_huge_fraction() -> Hostile:
    return _given(_FILTERED, f'{{"f": {{"minConfidence": 0.{"1" * 1_000_000}}}}}')


@request
def _a_payload_of_numbers() -> Hostile:
    return _given(_PAYLOAD, f'{{"p": [{_filled("1", 400)}]}}')


@request
def _a_payload_of_objects() -> Hostile:
    return _given(_PAYLOAD, f'{{"p": [{_filled("{}", 400)}]}}')


@request
def _a_deep_payload() -> Hostile:
    return _given(_PAYLOAD, '{"p": ' + "[" * 900 + "]" * 900 + "}")


@request
def _an_address_of_a_camera_as_long_as_a_body() -> Hostile:
    address = "rtsp://" + "a:b@" * 250_000
    return document(_CREATED, variables={"i": {"name": "a", "rtspUrl": address}})


@request
def _an_offer_as_long_as_a_body() -> Hostile:
    text = """mutation ($o: String!) { liveStart(cameraId: "cam-00", offer: $o) {
        userErrors { code } } }"""
    return document(
        text, variables={"o": "v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 30_000}
    )


@request
def _a_subscription_with_a_long_filter() -> Hostile:
    text = "subscription ($f: EventFilter) { events(filter: $f) { __typename } }"
    return _given(text, f'{{"f": {{"cameraIds": [{_filled(chr(34) + "a" + chr(34))}]}}}}')


# Extensions and the request itself.


@request
def _a_hash_of_another_document() -> Hostile:
    named = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    return document("{ viewer { tenantId } }" + "#" * 65_000, extensions=named)


@request
def _a_hash_as_long_as_a_body() -> Hostile:
    named = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 1_000_000}}
    return Hostile(json.dumps({"extensions": named}).encode())


@request
def _extensions_as_many_as_fit() -> Hostile:
    return document("{ viewer { tenantId } }", extensions={f"k{n}": [] for n in range(80_000)})


@request
def _a_document_as_long_as_a_body() -> Hostile:
    return document("{ viewer { tenantId } }" + "#" * 1_000_000)


@request
def _a_get_of_a_long_document() -> Hostile:
    return Hostile(parameters=(("query", "{ " + "tenantId " * 7_000 + "}"),))


@request
def _a_get_of_many_parameters() -> Hostile:
    return Hostile(parameters=tuple((f"k{n}", "v") for n in range(8_000)))
