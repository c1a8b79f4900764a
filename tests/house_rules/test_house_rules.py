"""Rules no linter knows."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute

import models
from app.settings import settings_table
from compat_rest.routes import routes
from models.base import ClosedManager, TenantOwned
from schema.root import schema

ROOMS = ["app", "schema", "resolvers", "compat_rest", "media", "models", "tests"]
SOURCES = sorted(
    path for room in ROOMS for path in Path(room).rglob("*.py") if "migrations" not in path.parts
)


def tables() -> list[type[TenantOwned]]:
    for module in pkgutil.iter_modules(models.__path__, "models."):
        importlib.import_module(module.name)
    return sorted(TenantOwned.__subclasses__(), key=lambda table: table.__name__)


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__)
def test_tenant_owned_tables_are_closed(table: type[TenantOwned]) -> None:
    assert isinstance(table._meta.manager, ClosedManager)


@pytest.mark.parametrize("route", routes, ids=lambda route: str(getattr(route, "path", route)))
def test_every_rest_route_names_the_graphql_field_it_equals(route: Route | WebSocketRoute) -> None:
    if route.path == "/v2/openapi.json":
        return
    text = _docs_of(route)
    named = re.findall(r"= (Query|Mutation|Subscription|Camera|Event)\.(\w+)", text)
    assert named, f"{route.path}: no docstring names a GraphQL field"
    sdl = schema.as_str()
    for owner, field in named:
        assert re.search(rf"type {owner}\b[^}}]*?\b{field}[(:]", sdl, re.DOTALL), (owner, field)


def _docs_of(route: Route | WebSocketRoute) -> str:
    endpoint = route.endpoint
    own = [getattr(endpoint, "__doc__", None) or ""]
    if isinstance(endpoint, type):
        own += [getattr(member, "__doc__", None) or "" for member in vars(endpoint).values()]
    return "\n".join(own)


def test_files_stay_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert [path for path, lines in lengths.items() if lines > 400] == []


def test_functions_stay_short() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kinds) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []


def test_modules_say_what_they_are_for() -> None:
    own = [path for path in SOURCES if "tests" not in path.parts and path.read_text().strip()]
    assert [path for path in own if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_broad_excepts_stand_only_where_a_thread_or_process_ends() -> None:
    allowed = {
        *("media/pipeline.py", "media/run.py", "media/detect/pool.py"),
        *("media/decoding/nursery.py", "media/decoding/sampling.py"),
        *("schema/completion.py", "schema/subscriptions.py"),
    }
    found = {
        str(path)
        for path in SOURCES
        if "tests" not in path.parts
        and re.search(r"except (Base)?Exception\b", path.read_text())
        and not re.search(r"except BaseException:\n(.*\n)+?\s+raise\n", path.read_text())
    }
    assert found <= allowed


def test_an_api_process_starts_without_a_codec() -> None:
    code = (
        "import sys, app.api_process; "
        "loaded = {'av', 'openvino', 'numpy', 'aiortc'} & set(sys.modules); "
        "sys.exit(','.join(sorted(loaded)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_lists_every_setting() -> None:
    assert settings_table() in Path("README.md").read_text(), "paste `vms settings` into README.md"


def test_documents_that_code_names_exist() -> None:
    named = {
        name
        for path in SOURCES
        for name in re.findall(r"\bdocs/[a-z0-9/-]+\.md\b", path.read_text())
    }
    assert [name for name in sorted(named) if not Path(name).exists()] == []
