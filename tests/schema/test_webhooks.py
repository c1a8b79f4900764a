"""Webhooks over GraphQL: made, listed, tried and deleted, mistakes included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.webhook_sender import HttpSender
from media.clock import SystemClock
from media.network import WebhookNetworks
from media.playlist import iso_milliseconds
from resolvers.access import Scope
from resolvers.context import World
from tests.matrix import bearer
from tests.receiver import receiving
from tests.schema.service import ask, codes, data

SAVE = """mutation ($input: WebhookInput!) { webhookSave(input: $input) {
    webhook { id url enabled kinds filter {
        cameraIds typeNames zoneIds review plate since until minConfidence } }
    secret userErrors { code field }
} }"""
LIST = """{ webhooks { id url enabled cursor deliveredAt failingSince lastError createdAt
    endedBecause oldSecretsUntil } }"""
URL = "https://receiver.example/hook"


@pytest.fixture
async def site(world: World) -> AsyncIterator[World]:
    sender = HttpSender(WebhookNetworks(["public"]), SystemClock())
    yield replace(world, webhooks=sender)
    await sender.close()


async def save(world: World, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await data(world, SAVE, {"input": given}))["webhookSave"]
    return payload


async def test_a_webhook_is_made_changed_and_deleted(site: World) -> None:
    wanted: dict[str, Any] = {
        "cameraIds": ["cam-1"],
        "types": ["PERSON"],
        "typeNames": ["door"],
        "zoneIds": ["0" * 32],
        "review": ["UNREVIEWED"],
        "plate": "51F*",
        "since": "2026-05-29T12:00:00.000Z",
        "until": "2027-05-29T12:00:00.000Z",
        "minConfidence": 0.5,
    }
    made = await save(site, url=URL, filter=wanted, kinds=["BEGAN", "ENDED"])
    assert (made["userErrors"], made["secret"][:6]) == ([], "whsec_")
    webhook_id = made["webhook"].pop("id")
    wanted["typeNames"] = [wanted.pop("types")[0].lower(), "door"]
    assert made["webhook"] == {
        "url": URL,
        "enabled": True,
        "kinds": ["BEGAN", "ENDED"],
        "filter": wanted,
    }
    changed = await save(site, id=webhook_id, url=URL, enabled=False)
    assert (changed["secret"], changed["webhook"]["kinds"]) == (None, None)
    assert set(changed["webhook"]["filter"].values()) == {None}
    until = "2099-01-01T00:00:00.000Z"
    wrong = await save(site, id=webhook_id, url=URL, newSecret=True, oldSecretsUntil=until)
    assert wrong["userErrors"] == [{"code": "INVALID_INPUT", "field": "oldSecretsUntil"}]
    until = iso_milliseconds(site.clock.now_us() + 86_400_000_000)
    renewed = await save(
        site, id=webhook_id, url=URL, enabled=False, newSecret=True, oldSecretsUntil=until
    )
    assert renewed["secret"] not in {None, made["secret"]}
    (listed,) = (await data(site, LIST))["webhooks"]
    assert (listed["endedBecause"], listed["oldSecretsUntil"]) == (None, until)
    assert (listed["id"], listed["enabled"], listed["lastError"]) == (webhook_id, False, None)
    gone = "mutation ($id: ID!) { webhookDelete(id: $id) { deletedId userErrors { code } } }"
    deleted = (await data(site, gone, {"id": webhook_id}))["webhookDelete"]
    assert deleted == {"deletedId": webhook_id, "userErrors": []}
    assert (await data(site, LIST))["webhooks"] == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "http://receiver.example/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": URL, "kinds": []}, "kinds"),
        ({"url": URL, "filter": {"zoneIds": ["x"]}}, "filter"),
    ],
    ids=["http", "private", "kinds", "filter"],
)
async def test_mistakes_are_named(site: World, given: dict[str, Any], field: str) -> None:
    refused = await save(site, **given)
    assert (refused["webhook"], refused["secret"]) == (None, None)
    assert refused["userErrors"] == [{"code": "INVALID_INPUT", "field": field}]
    assert (await data(site, LIST))["webhooks"] == []


async def test_a_webhook_is_tried(world: World) -> None:
    sender = HttpSender(WebhookNetworks(["127.0.0.1/32"]), SystemClock(), allow_http=True)
    site = replace(world, webhooks=sender)
    async with receiving() as receiver:
        made = await save(site, url=receiver.url)
        attempt = """mutation ($id: ID!) { webhookTest(id: $id) {
            outcome message userErrors { code } } }"""
        variables = {"id": made["webhook"]["id"]}
        tried = (await data(site, attempt, variables))["webhookTest"]
        assert tried == {"outcome": "DELIVERED", "message": "it answered 200", "userErrors": []}
        receiver.received[0].verify(made["secret"])
        receiver.answer = lambda _: (404, {})
        tried = (await data(site, attempt, variables))["webhookTest"]
        assert (tried["outcome"], tried["message"]) == ("REFUSED", "it answered 404")
    await sender.close()


async def test_others_are_not_told_of_it(site: World) -> None:
    made = await save(site, url=URL)
    others = bearer(set(Scope) - {Scope.TENANT_ADMIN})
    assert codes(await ask(site, LIST, None, others)) == ["SCOPE_MISSING"]
    foreign = bearer([Scope.TENANT_ADMIN], "acme")
    assert (await data(site, LIST, None, foreign))["webhooks"] == []
    variables = {"input": {"id": made["webhook"]["id"], "url": URL}}
    refused = (await data(site, SAVE, variables, foreign))["webhookSave"]
    assert refused["userErrors"] == [{"code": "NOT_FOUND", "field": None}]
