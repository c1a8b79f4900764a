"""How each field that the SDL gives a scope is asked for, for the scope matrix."""

from __future__ import annotations

from typing import NamedTuple

RANGE = 'from: "2026-05-29T12:00:00Z", to: "2026-05-29T12:00:08Z"'
LOCK = f'{{{RANGE}, reason: "seen"}}'


class Ask(NamedTuple):
    """`kind`: of the object that `$id` names, None without. `shows`: where the field's value is."""

    text: str
    kind: str | None = None
    shows: tuple[str, ...] = ()


def of_camera(field: str, *shows: str) -> Ask:
    return Ask(f"query ($id: ID!) {{ camera(id: $id) {{ {field} }} }}", "camera", shows)


def of_event(field: str, *shows: str) -> Ask:
    return Ask(f"query ($id: ID!) {{ event(id: $id) {{ {field} }} }}", "event", shows)


def of_comparison(field: str) -> Ask:
    return Ask(f"query ($id: ID!) {{ comparison(id: $id) {{ {field} }} }}", "comparison")


def change(field: str, kind: str, below: str) -> Ask:
    return Ask(f"mutation ($id: ID!) {{ {field} {{ {below} userErrors {{ code }} }} }}", kind)


ASKS = {
    "Query.viewer": Ask("{ viewer { tenantId } }"),
    "Query.camera": of_camera("name"),
    "Query.cameras": Ask("{ cameras { nodes { id } } }"),
    "Query.event": of_event("ts"),
    "Query.events": Ask("{ events { nodes { id } } }"),
    "Query.eventCounts": Ask(
        '{ eventCounts(filter: {since: "2026-05-29T00:00:00Z"}, bucket: WEEK) { count } }'
    ),
    "Query.models": Ask("{ models { name } }"),
    "Query.evidenceLocks": Ask("{ evidenceLocks { nodes { id } } }"),
    "Query.removals": Ask("{ removals { nodes { id } } }"),
    "Query.webhooks": Ask("{ webhooks { id url cursor filter { cameraIds } } }"),
    "Query.export": Ask("query ($id: ID!) { export(id: $id) { state } }", "export"),
    "Query.exports": Ask("{ exports { nodes { id } } }"),
    "Query.comparison": of_comparison("state"),
    "Query.comparisons": Ask("{ comparisons { nodes { id } } }"),
    "Query.system": Ask(
        "{ system { version tenantCount workers { id } leases { held } bus { engine } } }"
    ),
    "Query.storage": Ask("{ storage { isLow } }"),
    "Query.tenant": Ask("query ($id: ID!) { tenant(id: $id) { createdAt } }", "tenant"),
    "Query.tenants": Ask("{ tenants { nodes { id } } }"),
    "Mutation.cameraCreate": Ask(
        'mutation { cameraCreate(input: {name: "New", rtspUrl: "rtsp://10.0.0.1/x"}) '
        "{ camera { id } userErrors { code } } }"
    ),
    "Mutation.cameraUpdate": change(
        'cameraUpdate(id: $id, input: {name: "Other"})', "camera", "camera { name }"
    ),
    "Mutation.cameraDelete": change("cameraDelete(id: $id)", "new camera", "deletedId"),
    "Mutation.zoneSave": change(
        'zoneSave(cameraId: $id, input: {name: "Gate", purpose: CROSSING, '
        "points: [{x: 0.1, y: 0.5}, {x: 0.9, y: 0.5}]})",
        "camera",
        "zone { name }",
    ),
    "Mutation.zoneDelete": change(
        'zoneDelete(cameraId: "cam-own", id: $id)', "new zone", "camera { name }"
    ),
    "Mutation.cameraProbe": Ask(
        'mutation { cameraProbe(rtspUrl: "http://10.0.0.1") { userErrors { field } } }'
    ),
    "Mutation.eventCreate": change(
        'eventCreate(input: {key: "k", cameraId: $id, typeName: "door"})', "camera", "created"
    ),
    "Mutation.eventReview": change(
        "eventReview(id: $id, input: {verdict: FALSE_ALARM})", "event", "event { id }"
    ),
    "EventReviewPayload.event": change(
        "eventReview(id: $id, input: {verdict: FALSE_ALARM})", "event", "event { id }"
    )._replace(shows=("eventReview", "event")),
    "Mutation.webhookSave": change(
        'webhookSave(input: {id: $id, url: "https://receiver.example/"})', "webhook", "secret"
    ),
    "Mutation.webhookDelete": change("webhookDelete(id: $id)", "new webhook", "deletedId"),
    "Mutation.webhookTest": change("webhookTest(id: $id)", "webhook", "outcome"),
    "Mutation.evidenceLock": change(
        f"evidenceLock(cameraId: $id, input: {LOCK})", "camera", "lock { reason }"
    ),
    "Mutation.evidenceLift": change("evidenceLift(id: $id)", "lock", "lock { reason }"),
    "Mutation.exportCreate": change(
        f"exportCreate(input: {{cameraIds: [$id], {RANGE}}})", "camera", "export { state }"
    ),
    "Mutation.exportDelete": change("exportDelete(id: $id)", "new export", "export { state }"),
    "Mutation.comparisonCreate": change(
        f'comparisonCreate(input: {{cameraId: $id, {RANGE}, model: "tiny"}})',
        "camera",
        "comparison { state }",
    ),
    "Mutation.comparisonDelete": change(
        "comparisonDelete(id: $id)", "new comparison", "comparison { state }"
    ),
    "Mutation.liveStart": change(
        'liveStart(cameraId: $id, offer: "v=0")', "camera", "session { answer }"
    ),
    "Mutation.liveStop": change("liveStop(id: $id)", "session", "endedId"),
    "Mutation.tenantCreate": change(
        "tenantCreate(id: $id, plan: {cameraLimit: 3})", "new tenant", "tenant { createdAt }"
    ),
    "Mutation.tenantUpdate": change(
        "tenantUpdate(id: $id, plan: {cameraLimit: 3})", "tenant", "tenant { createdAt }"
    ),
    "Mutation.tokenRevoke": Ask(
        "mutation ($token: String!) "
        "{ tokenRevoke(token: $token) { revocation { revokedAt } userErrors { field } } }"
    ),
    "Mutation.tokensRevoke": Ask(
        'mutation { tokensRevoke(subject: "nobody") '
        "{ revocation { subject } userErrors { field } } }"
    ),
    "Subscription.events": Ask(
        "subscription ($after: Cursor) { events(after: $after) { __typename } }"
    ),
    "Subscription.exportProgress": Ask(
        "subscription ($id: ID!) { exportProgress(id: $id) { state } }", "export"
    ),
    "Subscription.comparisonProgress": Ask(
        "subscription ($id: ID!) { comparisonProgress(id: $id) { state } }", "comparison"
    ),
    "Subscription.cameras": Ask("subscription { cameras { id } }"),
    "Subscription.detections": Ask(
        "subscription ($id: ID!) { detections(cameraId: $id) { boxes { x } } }", "camera"
    ),
    "Camera.rtspUrl": of_camera("rtspUrl", "camera", "rtspUrl"),
    "Camera.detectionUrl": of_camera("detectionUrl", "camera", "detectionUrl"),
    "Camera.snapshotUrl": of_camera("snapshotUrl", "camera", "snapshotUrl"),
    "Camera.featureStates": of_camera("featureStates { feature }"),
    "Camera.events": of_camera("events { nodes { id } }"),
    "Camera.coverage": of_camera(f"coverage({RANGE}) {{ recordedSeconds }}"),
    "Camera.hours": of_camera('hours(date: "2026-05-29") { hour }'),
    "Camera.playback": of_camera(f"playback({RANGE}) {{ to }}"),
    "Camera.detections": of_camera(f"detections({RANGE}) {{ nodes {{ ts }} }}"),
    "Event.camera": of_event("camera { name }"),
    "Event.snapshotUrl": of_event("snapshotUrl", "event", "snapshotUrl"),
    "Event.playback": of_event("playback { offset }"),
    "EventView.snapshotUrl": of_event("best { snapshotUrl }", "event", "best", "snapshotUrl"),
    "EventView.playback": of_event("best { playback { offset } }"),
    "Export.cameras": Ask("query ($id: ID!) { export(id: $id) { cameras { id } } }", "export"),
    "Comparison.camera": of_comparison("camera { id }"),
    "Comparison.differences": of_comparison("differences { nodes { kind } }"),
    "ComparedEvent.playback": of_comparison(
        "differences { nodes { after { playback { offset } } } }"
    ),
    "EvidenceLock.camera": Ask("{ evidenceLocks { nodes { camera { id } } } }"),
    "Removal.camera": Ask("{ removals { nodes { camera { id } } } }"),
    "LiveStartPayload.hlsUrl": Ask(
        'mutation ($id: ID!) { liveStart(cameraId: $id, offer: "v=0") { hlsUrl } }',
        "camera",
        ("liveStart", "hlsUrl"),
    ),
}
