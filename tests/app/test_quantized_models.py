"""Quantized models of an installation: added whole or not at all, and used by name alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.model_choice import choose, statuses
from app.model_store import InstalledModel, ModelError, ModelStore
from media.detect.catalogue import DEFAULT_MODEL
from media.types import MediaError
from tests.app.described import describe, tiny_files

QUANTIZED = """
[quantized]
model = "tiny@2024-01-02"
sha256 = []
pictures = 20
tenant = "t1"
camera = "cam-gate"
interval = "2026-01-01T00:00:00Z/2026-01-01T01:00:00Z"
"""


def written(folder: Path, name: str, more: str = "") -> Path:
    """The TOML of a model of that name, its files beside it."""
    folder.mkdir()
    text = describe(tiny_files(folder)).replace('name = "tiny"', f'name = "{name}"')
    path = folder / "model.toml"
    path.write_text(text + more)
    return path


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "data")


@pytest.fixture
def both(store: ModelStore, tmp_path: Path) -> ModelStore:
    """`zebra`, and a quantized model whose name comes before it."""
    store.add(written(tmp_path / "made", "zebra"))
    store.add_new(written(tmp_path / "int8", "ant", QUANTIZED))
    return store


def names(models: list[InstalledModel]) -> list[str]:
    return [each.description.name for each in models]


def test_a_quantized_model_is_used_where_it_is_asked_for(both: ModelStore) -> None:
    assert names(both.installed()) == ["zebra", "ant"]
    assert names(choose(both, None).models) == ["zebra"]
    assert both.pick().description.name == "zebra"
    assert names(choose(both, "ant").models) == ["ant"]
    assert both.pick("ant").description.name == "ant"


def test_it_takes_no_other_s_place_when_that_one_is_gone(both: ModelStore) -> None:
    shutil.rmtree(both.root / "zebra")

    assert choose(both, None).models == []
    with pytest.raises(ModelError, match="no model is installed"):
        both.pick()


def test_the_list_says_how_it_is_switched_on_and_nothing_of_whose_footage_made_it(
    both: ModelStore,
) -> None:
    told = {each.name: each for each in statuses(both, choose(both, None))}

    assert (told["ant"].installed, told["ant"].active) == (True, False)
    assert told["ant"].reason == "used with VMS_MODEL=ant alone"
    assert "cam-gate" not in repr(told)
    assert "t1" not in repr(told["ant"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zebra", "there is a model zebra already"),
        ("ant", "there is a model ant already"),
        (DEFAULT_MODEL, f"there is a model {DEFAULT_MODEL} already"),
    ],
    ids=["installed", "quantized", "catalogue"],
)
def test_a_new_model_takes_nobody_s_place(
    both: ModelStore, tmp_path: Path, name: str, says: str
) -> None:
    before = {path: path.read_bytes() for path in both.root.rglob("*") if path.is_file()}

    with pytest.raises(ModelError, match=says):
        both.add_new(written(tmp_path / "again", name, QUANTIZED))

    assert {path: path.read_bytes() for path in both.root.rglob("*") if path.is_file()} == before


def test_a_new_model_that_does_not_run_leaves_nothing(tmp_path: Path) -> None:
    def refuse(model: InstalledModel) -> None:
        raise MediaError("it does not run")

    store = ModelStore(tmp_path / "data", refuse)

    with pytest.raises(ModelError, match="model ant: it does not run"):
        store.add_new(written(tmp_path / "made", "ant", QUANTIZED))

    assert list(store.root.rglob("*.xml")) == list(store.root.rglob("*.bin")) == []
    assert store.installed() == []


def test_a_new_model_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(model: InstalledModel) -> None:
        raise KeyboardInterrupt

    store = ModelStore(tmp_path / "data", interrupt)

    with pytest.raises(KeyboardInterrupt):
        store.add_new(written(tmp_path / "made", "ant", QUANTIZED))

    assert list(store.root.rglob("*.xml")) == list(store.root.rglob("*.bin")) == []
    store = ModelStore(tmp_path / "data")
    assert names([store.add_new(tmp_path / "made" / "model.toml")]) == ["ant"]


@pytest.mark.parametrize("name", ["", "../up", "Big", "a b", "-a", "x" * 64])
def test_a_name_that_is_none_is_refused(store: ModelStore, name: str) -> None:
    with pytest.raises(ModelError, match="can't be a model's name"):
        store.demand_free(name)
