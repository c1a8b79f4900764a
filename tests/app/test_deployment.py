"""What lies in docs/deploy and compose.yaml fits its schemas, this program, and itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import promql_parser
import pytest
import yaml
from compose_spec import PyCompose
from typer.main import get_command

from app.cli import app as cli
from app.metrics import registry
from app.settings import PREFIX, Settings
from tests.composed import SECRETS, interpolated, services

DEPLOY = Path("docs/deploy")
OF_PROMETHEUS = {"up"}
KUBERNETES = "1.33"
COMMANDS = set(get_command(cli).commands)  # type: ignore[attr-defined]
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}

SERVICES = services()
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("vms:")}


@pytest.mark.parametrize("path", ["compose.yaml", "docs/deploy/compose.gpu.yaml"])
def test_compose_files_follow_the_compose_specification(path: str) -> None:
    # As JSON: the parser knows YAML's anchors and not its merge keys.
    PyCompose.from_json(json.dumps(yaml.safe_load(interpolated(Path(path).read_text()))))


@pytest.mark.parametrize("missing", sorted(SECRETS.keys() - {"RENDER_GID"}))
def test_a_secret_that_is_missing_stops_compose_with_its_name(missing: str) -> None:
    others = {name: value for name, value in SECRETS.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        interpolated(Path("compose.yaml").read_text(), others)


def test_compose_starts_what_was_promised() -> None:
    copies = {name: each.get("deploy", {}).get("replicas", 1) for name, each in SERVICES.items()}
    assert copies == {
        "postgres": 1,
        "redis": 1,
        "migrate": 1,
        "api": 2,
        "worker": 2,
        "gateway": 1,
    }
    for name in ("api", "worker"):
        waits = SERVICES[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert "healthcheck" in SERVICES[name]
    for each in OURS.values():
        assert (each["read_only"], each["cap_drop"]) == (True, ["ALL"])
        assert each["command"][0] in COMMANDS


def test_every_setting_that_compose_makes_is_known_and_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in OURS:
        given = {key: str(value) for key, value in OURS[name]["environment"].items()}
        ours = {key: value for key, value in given.items() if key.startswith(PREFIX)}
        assert ours.keys() <= KNOWN
        with monkeypatch.context() as patched:
            for key, value in ours.items():
                patched.setenv(key, value)
            assert Settings().log_format == "json"


def test_the_gpu_is_given_to_workers_alone_with_its_group() -> None:
    text = interpolated((DEPLOY / "compose.gpu.yaml").read_text())
    (name, service), *others = yaml.safe_load(text)["services"].items()
    assert (name, others) == ("worker", [])
    assert service["devices"] == ["/dev/dri:/dev/dri"]
    assert service["group_add"] == ["104"]
    assert service["environment"].keys() <= KNOWN
    assert f"ARG {next(iter(service['build']['args']))}=" in Path("Dockerfile").read_text()


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = Path("Dockerfile").read_text().splitlines()
    assert "USER 10001" in lines
    assert 'ENTRYPOINT ["vms"]' in lines
    assert "STOPSIGNAL SIGTERM" in lines
    copied = {line.split()[1] for line in lines if re.match(r"COPY \w+ \w+$", line)}
    assert copied == {"app", "schema", "resolvers", "compat_rest", "media", "models"}
    default = next(line for line in lines if line.startswith("CMD "))
    assert json.loads(default.removeprefix("CMD "))[0] in COMMANDS


def objects() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


OBJECTS = list(objects())
KUSTOMIZATION = next(each for each in OBJECTS if each["kind"] == "Kustomization")
APPLIED = [each for each in OBJECTS if each is not KUSTOMIZATION]
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in APPLIED
    if each["kind"] in {"Job", "Deployment", "StatefulSet"}
}


@pytest.mark.parametrize("manifest", APPLIED, ids=lambda each: str(each["kind"]))
def test_manifests_follow_the_schemas_of_kubernetes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_the_kustomization_names_every_file_and_known_settings() -> None:
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert set(KUSTOMIZATION["resources"]) == files - {"kustomization.yaml"}
    (settings,) = KUSTOMIZATION["configMapGenerator"]
    names = {each.partition("=")[0] for each in settings["literals"]}
    assert names - {"HOME"} <= KNOWN
    kinds = sorted(each["kind"] for each in APPLIED)
    assert kinds == [
        *("Deployment", "Job", "Namespace", "PodDisruptionBudget", "PodDisruptionBudget"),
        *("Service", "Service", "StatefulSet"),
    ]


@pytest.mark.parametrize("name", PODS)
def test_pods_run_known_commands_without_rights(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    # Kubernetes would make VMS_API_PORT and the like from its Services: unknown settings.
    assert pod["enableServiceLinks"] is False
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        words = container.get("args") or container["command"][-1].split()[1:2]
        assert words[0] in COMMANDS
        given = {each["name"] for each in container.get("env", ())}
        assert {each for each in given if each.startswith(PREFIX)} <= KNOWN
        assert {"configMapRef": {"name": "vms"}} in container["envFrom"]
        assert {"secretRef": {"name": "vms"}} in container["envFrom"]


RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())


def exported() -> dict[str, set[str]]:
    """Names of samples that this program can show, and their labels."""
    found: dict[str, set[str]] = {}
    for collector, names in registry._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return found


def selectors(expression: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for part in ("expr", "lhs", "rhs", "param"):
        child = getattr(expression, part, None)
        if isinstance(child, promql_parser.Expr):
            yield from selectors(child)
    if isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    for argument in getattr(expression, "args", ()):
        yield from selectors(argument)


OF_TARGETS = {"job", "instance"}


def check_expression(text: str) -> None:
    """It can be parsed, and every name and label in it is one that this program shows."""
    known = exported()
    used = list(selectors(promql_parser.parse(text)))
    assert used, text
    for each in used:
        if each.name not in OF_PROMETHEUS:
            assert each.name in known, f"{each.name} in {text}"
            labels = {matcher.name for matcher in each.matchers.matchers}
            assert labels <= known[each.name] | OF_TARGETS, text
    everything = set().union(*known.values(), OF_TARGETS)
    for grouped in re.findall(r"\bby \(([^)]*)\)", text):
        assert set(re.split(r",\s*", grouped)) <= everything, text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_alert_rules_are_whole_and_ask_for_what_is_exported(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    check_expression(rule["expr"])


def test_alerts_cover_what_an_operator_must_hear_of() -> None:
    names = {rule["alert"] for rule in RULES}
    assert len(names) == len(RULES)
    assert names >= {
        *("VmsCameraDown", "VmsRecordingGap", "VmsDiskNearlyFull", "VmsSpoolGrowing"),
        *("VmsNoWorker", "VmsApiErrors", "VmsApiSlow", "VmsDeliverySlow"),
    }


PANELS = [each for each in DASHBOARD["panels"] if each["type"] != "row"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_panels_ask_for_what_is_exported(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        check_expression(target["expr"].replace("$__rate_interval", "1m"))


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_prometheus_asks_where_metrics_are() -> None:
    asked = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
    for job in asked["scrape_configs"]:
        assert job["metrics_path"] == "/v2/metrics"
        (place,) = job["dns_sd_configs"]
        environment = SERVICES[place["names"][0]]["environment"]
        assert place["port"] in {environment.get("VMS_PORT"), environment.get("VMS_WORKER_PORT")}
    assert {job["job_name"] for job in asked["scrape_configs"]} == set(
        re.findall(r'job="([^"]+)"', (DEPLOY / "alerts.yaml").read_text())
    )


def test_the_documents_name_every_metric() -> None:
    text = Path("docs/observability.md").read_text()
    names = {each._name.removeprefix("vms_") for each in registry._collector_to_names}  # type: ignore[attr-defined]
    assert {name for name in names if f"`{name}" not in text} == set()
