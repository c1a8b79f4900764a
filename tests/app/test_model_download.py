"""Models of several files, fetched from their addresses: whole and tried, or not at all."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.model_store import InstalledModel, ModelError, ModelStore
from app.packages import sha256_of
from media.detect.loading import try_model
from media.types import MediaError
from tests.app.described import describe, tiny_files
from tests.app.file_server import Served, serving
from tests.app.test_packages import index as index
from tests.app.test_packages import wheel_in


def prove(model: InstalledModel) -> None:
    try_model(model.description, model.path, "CPU")


@dataclass
class Published:
    """A tiny model's two files behind addresses, and its TOML."""

    toml: Path
    xml: Served
    bin: Served

    @property
    def contents(self) -> dict[str, bytes]:
        return {"tiny.xml": self.xml.content, "tiny.bin": self.bin.content}


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    folder = tmp_path / "published"
    folder.mkdir()
    files = tiny_files(folder)
    served = [Served(file.read_bytes()) for file in files]
    with ExitStack() as servers:
        urls = {
            file.name: servers.enter_context(serving(each))
            for file, each in zip(files, served, strict=True)
        }
        toml = tmp_path / "mine.toml"
        toml.write_text(describe(files, "sha384", urls))
        yield Published(toml, *served)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "data", prove)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_both_files_come_and_go_on_where_they_were_cut(
    store: ModelStore, published: Published
) -> None:
    published.xml.cuts = [1000]
    published.bin.cuts = [1]

    installed = store.add(published.toml)

    assert store.pick() == installed
    assert {name: (installed.folder / name).read_bytes() for name in published.contents} == (
        published.contents
    )
    assert published.xml.ranges == [None, "bytes=1000-"]
    assert published.bin.ranges == [None, "bytes=1-"]
    assert files_in(store.root) == {"tiny.xml", "tiny.bin", "model.toml", ".fetching.lock"}


def test_a_described_model_is_known_and_pulled_by_its_name(
    store: ModelStore, published: Published
) -> None:
    store.root.mkdir(parents=True)
    published.toml.rename(store.root / "mine.toml")

    assert "tiny" in store.known()
    assert store.installed() == []
    installed = store.pull("tiny")

    assert store.pick("tiny") == installed
    assert store.pull("tiny") == installed
    assert published.xml.ranges == [None]  # not fetched again


def test_a_second_file_that_is_another_leaves_nothing_installed(
    store: ModelStore, published: Published
) -> None:
    right, published.bin.content = published.bin.content, b"other"

    with pytest.raises(ModelError, match=r"model tiny: .*is not tiny\.bin as it is known"):
        store.add(published.toml)
    assert store.installed() == []
    published.bin.content = right
    store.add(published.toml)

    assert published.xml.ranges == [None]  # what had come was kept
    assert [model.description.name for model in store.installed()] == ["tiny"]


def test_a_server_that_refuses_is_named(store: ModelStore, published: Published) -> None:
    published.xml.status = 404

    with pytest.raises(ModelError, match="it answers 404"):
        store.add(published.toml)

    assert store.installed() == []


def test_a_file_that_is_bigger_than_described_is_refused(
    store: ModelStore, published: Published
) -> None:
    published.bin.content += b"more"

    with pytest.raises(ModelError, match="are more than the"):
        store.add(published.toml)

    assert store.installed() == []


def test_a_model_that_does_not_run_leaves_the_one_before_it(
    store: ModelStore, published: Published
) -> None:
    before = store.add(published.toml)
    text = published.toml.read_text()
    published.toml.write_text(text.replace('family = "ssd"', 'family = "yolox"'))

    with pytest.raises(ModelError, match=r"model tiny \(yolox\): want"):
        store.add(published.toml)

    assert store.pick() == before
    prove(store.pick())


def test_another_version_takes_the_place_of_the_one_before_it(
    store: ModelStore, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for score in (0.25, 0.75):
        files = tiny_files(folder, [[0, 1, score, 0, 0, 1, 1]])
        (folder / "tiny.toml").write_text(describe(files))
        store.add(folder / "tiny.toml")

    installed = store.pick()
    assert (installed.folder / "tiny.bin").read_bytes() == (folder / "tiny.bin").read_bytes()
    assert files_in(store.root) == {"tiny.xml", "tiny.bin", "model.toml", ".fetching.lock"}
    store.verify(installed)


def test_a_file_may_come_out_of_a_wheel(store: ModelStore, tmp_path: Path, index: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    files = tiny_files(folder)
    contents = {file.name: file.read_bytes() for file in files}
    wheel = wheel_in(index, {f"models/{name}": content for name, content in contents.items()})
    text = describe(files)
    for file in files:
        member = (
            f'package = "{wheel.name}"\nversion = "{wheel.version}"\nsha256 = {[*wheel.sha256]}'
        )
        table = f'[files.pypi]\n{member}\npath = "models/{file.name}"\n'.replace("'", '"')
        digest = f'{sha256_of(file)}"]\n'
        text = text.replace(digest, digest + table)
        file.unlink()
    (folder / "tiny.toml").write_text(text)

    installed = store.add(folder / "tiny.toml")

    assert {name: (installed.folder / name).read_bytes() for name in contents} == contents


def test_files_beside_the_description_need_no_address(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(describe(tiny_files(tmp_path)))

    store.add(tmp_path / "tiny.toml")
    assert store.pick().description.name == "tiny"


def test_a_file_that_is_nowhere_is_named(store: ModelStore, tmp_path: Path) -> None:
    files = tiny_files(tmp_path)
    (tmp_path / "tiny.toml").write_text(describe(files))
    files[1].unlink()

    with pytest.raises(ModelError, match=r"tiny\.bin is not beside the model"):
        store.add(tmp_path / "tiny.toml")
    files[1].write_bytes(b"other")
    with pytest.raises(ModelError, match=r"tiny\.bin is not what is described"):
        store.add(tmp_path / "tiny.toml")

    assert store.installed() == []


@pytest.mark.parametrize(
    ("found", "instead", "complaint"),
    [
        ("width = 32", "width = true", r"mine\.toml: input\.width: "),
        ('fit = "stretch"', 'fit = "squeeze"', r"input\.fit: .*\(one of letterbox, stretch, crop"),
        ('vehicle = ["car"]', 'door = ["car"]', r"features\.door: no feature \(one of person, "),
        ('name = "tiny"', 'name = "yolox-nano"', "name: yolox-nano is one of the catalogue's"),
    ],
)
def test_a_wrong_description_names_its_field(
    store: ModelStore, published: Published, found: str, instead: str, complaint: str
) -> None:
    published.toml.write_text(published.toml.read_text().replace(found, instead, 1))

    with pytest.raises(ModelError, match=complaint):
        store.add(published.toml)

    assert published.xml.ranges == []
    assert store.installed() == []


def test_descriptions_in_the_folder_that_cannot_be_read_are_told(store: ModelStore) -> None:
    (store.root / "door").mkdir(parents=True)
    (store.root / "door" / "model.toml").write_text('name = "door"\n')
    (store.root / "gate.toml").write_bytes(b"\xff")

    first, second = store.faults()

    assert first.startswith("door/model.toml: Object missing required field")
    assert second.startswith("gate.toml: ")
    assert "door" not in store.known()


def test_a_store_without_a_trial_trusts_the_hashes(tmp_path: Path) -> None:
    files = tiny_files(tmp_path)
    text = describe(files).replace('family = "ssd"', 'family = "yolox"')
    (tmp_path / "tiny.toml").write_text(text)

    installed = ModelStore(tmp_path / "data").add(tmp_path / "tiny.toml")

    with pytest.raises(MediaError):
        prove(installed)
