"""Models of an installation: what is there, sound, and how one is added."""

import hashlib
import logging
from pathlib import Path

import pytest

from app.model_store import ModelError, ModelStore
from media.detect.catalogue import DEFAULT_MODEL, catalogue, description_text
from tests.data import shared_data
from tests.media.detect.tiny import DESCRIPTION

WEIGHTS = b"weights of one's own"


def own_model(folder: Path, name: str = "tiny", weights: bytes = WEIGHTS) -> Path:
    """A model file with its description beside it."""
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    text = DESCRIPTION.replace("0" * 64, digest).replace('"tiny"', f'"{name}"')
    (folder / "tiny.toml").write_text(text)
    path = folder / "tiny.xml"
    path.write_bytes(weights)
    return path


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "data")


def test_an_empty_installation_has_none_and_says_what_to_do(store: ModelStore) -> None:
    assert store.installed() == []
    with pytest.raises(ModelError, match="no model is installed: vms models pull"):
        store.pick()


def test_a_model_of_one_s_own_is_installed_and_picked(store: ModelStore, tmp_path: Path) -> None:
    installed = store.install(own_model(tmp_path))

    assert store.installed() == [installed]
    assert store.pick() == installed
    assert store.pick("tiny") == installed
    assert installed.path.read_bytes() == WEIGHTS
    assert (installed.folder / "model.toml").read_text() == (tmp_path / "tiny.toml").read_text()


def test_a_file_that_is_not_as_described_is_refused(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not what is described: its sha256 is"):
        store.install(own_model(tmp_path, weights=b"others"))

    assert store.installed() == []
    assert not list(store.root.rglob("*.xml*"))


def test_a_file_without_a_description_is_refused(store: ModelStore, tmp_path: Path) -> None:
    path = tmp_path / "what.onnx"
    path.write_bytes(b"?")

    with pytest.raises(ModelError, match=r"describe it in what\.toml"):
        store.install(path)


def test_a_description_that_is_wrong_names_the_field(store: ModelStore, tmp_path: Path) -> None:
    path = own_model(tmp_path)
    (tmp_path / "tiny.toml").write_text('name = "tiny"\n')

    with pytest.raises(ModelError, match="version"):
        store.install(path)


def test_a_name_of_the_catalogue_is_not_taken_by_another_file(
    store: ModelStore, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="not free"):
        store.install(own_model(tmp_path, name=DEFAULT_MODEL))
    with pytest.raises(ModelError, match="is not yolox-nano as the catalogue knows it"):
        store.install(own_model(tmp_path), DEFAULT_MODEL)


def test_a_name_that_nobody_knows_cannot_be_pulled(store: ModelStore) -> None:
    with pytest.raises(ModelError, match="not in the catalogue"):
        store.pull("yolov99")


def test_a_damaged_model_is_not_picked_and_the_next_is(store: ModelStore, tmp_path: Path) -> None:
    damaged = store.install(own_model(tmp_path, name="a-first"))
    sound = store.install(own_model(tmp_path, name="b-second"))
    damaged.path.write_bytes(b"rotten")

    assert store.pick() == sound
    with pytest.raises(ModelError, match=r"a-first: tiny\.xml is damaged"):
        store.pick("a-first")


def test_a_model_whose_file_is_gone_is_not_picked(store: ModelStore, tmp_path: Path) -> None:
    store.install(own_model(tmp_path)).path.unlink()

    with pytest.raises(ModelError, match=r"tiny: tiny\.xml is missing"):
        store.pick()


def test_an_unreadable_description_is_left_out(
    store: ModelStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound = store.install(own_model(tmp_path))
    broken = store.root / "broken" / "model.toml"
    broken.parent.mkdir()
    broken.write_text("not [toml")

    with caplog.at_level(logging.WARNING):
        assert store.installed() == [sound]

    assert str(broken) in caplog.text


def test_a_half_download_is_no_model(store: ModelStore) -> None:
    folder = store.root / DEFAULT_MODEL
    folder.mkdir(parents=True)
    (folder / "yolox_nano.onnx.partial").write_bytes(b"half")

    assert store.installed() == []


def test_a_model_of_the_catalogue_that_is_there_needs_no_network(store: ModelStore) -> None:
    source = shared_data() / "models" / "yolox_nano.onnx"
    installed = store.install(source)

    assert installed.description == catalogue()[DEFAULT_MODEL]
    assert (installed.folder / "model.toml").read_text() == description_text(DEFAULT_MODEL)
    assert store.pull(DEFAULT_MODEL) == installed
    assert store.pull_default() == (installed, None)


def test_the_default_is_picked_before_others(store: ModelStore, tmp_path: Path) -> None:
    store.install(own_model(tmp_path, name="aaa"))
    default = store.install(shared_data() / "models" / "yolox_nano.onnx")

    assert store.pick() == default
    assert [model.description.name for model in store.installed()] == [DEFAULT_MODEL, "aaa"]
