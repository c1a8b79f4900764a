"""`vms models quantize`: an INT8 model out of recorded footage, beside the one it was made of."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli_models import models_app
from app.cli_quantize import in_words
from app.instants import instant
from app.model_store import ModelStore
from app.settings import Settings
from media.detect.accuracy import Accuracy
from media.detect.side_by_side import SideBySide, Speed
from tests.app.described import describe
from tests.app.replayed import Recorded, iso, vms
from tests.app.test_cli import own_logging as own_logging
from tests.app.test_cli_replay import recorded as recorded
from tests.app.test_cli_replay import settings as settings
from tests.media.detect.layered import layered_text, save_layered
from tests.media.detect.pictures import save_yolo

HAS_NNCF = importlib.util.find_spec("nncf") is not None
needs_nncf = pytest.mark.skipif(not HAS_NNCF, reason="NNCF is not installed: vms[quantize]")

PERSON = [0, 1, 0.7, 0.4, 0.4, 0.6, 0.8]


def add_layered(footage: Recorded, name: str = "door") -> None:
    """A detector that has layers to quantize: it sees a person whatever it is shown."""
    folder = footage.settings.data_dir / f"made-{name}"
    folder.mkdir()
    path = save_layered(folder / "tiny.xml", [PERSON])
    text = layered_text(describe([path, path.with_suffix(".bin")]))
    text = text.replace('name = "tiny"', f'name = "{name}"')
    (folder / "door.toml").write_text(text)
    added = CliRunner().invoke(models_app, ["add", str(folder / "door.toml")], obj=footage.settings)
    assert added.exit_code == 0, added.output


def quantize(footage: Recorded, *words: str, model: str = "door") -> Result:
    interval = f"{footage.since}/{footage.until}"
    where = ["--from", footage.camera.slug, "--interval", interval, "--pictures", "30"]
    return vms("models", "quantize", model, *where, *words)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command puts models together."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@needs_nncf
def test_a_model_is_quantized_tried_and_added_and_not_switched_on(
    recorded: Recorded, temporary: Path
) -> None:
    add_layered(recorded)
    data_dir = recorded.settings.data_dir
    before = tree(data_dir / "models")
    in_use = vms("models", "check").stdout

    result = quantize(recorded)

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    version = r"door-int8@\d{4}-\d\d-\d\d"
    assert re.fullmatch(
        rf"door@2024-01-02 and {version} on CPU: 10 pictures of the interval, .*", lines[0]
    )
    assert lines[1] == "         ms a picture  pictures a second"
    assert re.fullmatch(r"original +\d+\.\d +\d+\.\d", lines[2])
    assert re.fullmatch(r"INT8 +\d+\.\d +\d+\.\d", lines[3])
    assert lines[4:8] == [
        "what INT8 finds of what the original finds, both from score 0.40 on:",
        "feature        objects  precision  recall",
        "person              10       1.00    1.00",
        "vehicle              0          -       -",
    ]
    assert "on this processor" in lines[8]
    assert re.fullmatch(rf"{version} is installed in .*, and not in use", lines[9])
    assert lines[10] == "to switch it on: VMS_MODEL=door-int8"
    after = tree(data_dir / "models")
    assert {path: after[path] for path in before} == before
    assert {Path(path).name for path in after.keys() - before.keys()} == {
        "model.toml",
        "model.xml",
        "model.bin",
    }
    assert vms("models", "check").stdout.split()[0] == in_use.split()[0]
    assert list(temporary.iterdir()) == []


@needs_nncf
def test_what_it_was_made_of_stands_in_its_description_and_in_no_list(recorded: Recorded) -> None:
    add_layered(recorded)
    store = ModelStore(recorded.settings.data_dir)
    original = store.find("door")

    quantize(recorded, "--as", "gate")

    found = store.find("gate")
    text = (found.folder / "model.toml").read_text()
    said = tomllib.loads(text)
    assert said["quantized"] == {
        "model": "door@2024-01-02",
        "sha256": [
            hashlib.sha256((original.folder / file.name).read_bytes()).hexdigest()
            for file in original.description.files
        ],
        "pictures": 20,
        "tenant": "default",
        "camera": "cam-gate",
        "interval": f"{recorded.since}/{recorded.until}".replace("+00:00", "Z"),
    }
    for kept in ("licence", "features", "thresholds", "output"):
        assert getattr(found.description, kept) == getattr(original.description, kept)
    listed = vms("models", "list").output
    assert "gate@" in listed
    assert "cam-gate" not in listed
    weights = found.path.read_text() + found.path.with_suffix(".bin").read_text("latin-1")
    assert "cam-gate" not in weights
    assert str(recorded.settings.data_dir) not in weights


@needs_nncf
def test_the_lines_that_are_printed_are_commands_that_work(recorded: Recorded) -> None:
    add_layered(recorded)
    printed = quantize(recorded).stdout.splitlines()
    (line,) = [each for each in printed if each.startswith("to see more of it: ")]
    command = line.removeprefix("to see more of it: vms ").split()

    compared = vms(*command)
    switched = vms("models", "replay", *recorded.whole, "--model", "door-int8")

    assert (compared.exit_code, compared.stdout) == (0, "1 same, 0 changed, 0 lost, 0 new\n")
    assert "door-int8@" in switched.stdout


@needs_nncf
def test_both_are_measured_on_labelled_pictures(recorded: Recorded, tmp_path: Path) -> None:
    add_layered(recorded)

    result = quantize(recorded, "--dataset", str(save_yolo(tmp_path / "labelled")))

    lines = result.stdout.splitlines()
    begin = lines.index("on 2 labelled pictures:")
    assert lines[begin + 1 : begin + 4] == [
        "feature        labels  AP50 original  AP50 INT8",
        "person              1           0.00       0.00",
        "vehicle             1           0.00       0.00",
    ]


@needs_nncf
@pytest.mark.parametrize(
    ("words", "model", "says"),
    [
        ([], "nothing", "there is no model nothing (known are yolox-nano, "),
        ([], "yolox-nano", "model yolox-nano is not installed: vms models pull yolox-nano"),
        (["--as", "door"], "door", "there is a model door already; give another name"),
        (["--as", "yolox-nano"], "door", "there is a model yolox-nano already"),
        (["--as", "../door"], "door", "'../door' can't be a model's name"),
        (["--from", "cam-none"], "door", "there is no camera 'cam-none'"),
        (["--tenant", "other"], "door", "there is no camera 'cam-gate'"),
        (["--dataset", "nowhere"], "door", "no folder nowhere"),
        ([], "tiny", "model tiny has no layer that can be in INT8"),
        (
            ["--interval", "2020-01-01T00:00Z/2020-01-01T02:00Z"],
            "door",
            "camera cam-gate has no footage here in 2020-01-01T00:00:00Z/2020-01-01T02:00:00Z",
        ),
    ],
    ids=[
        *("unknown", "not installed", "name taken", "name of the catalogue", "no name"),
        *("no camera", "other tenant", "no dataset", "no layer", "no footage"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    recorded: Recorded, temporary: Path, words: list[str], model: str, says: str
) -> None:
    add_layered(recorded)
    before = tree(recorded.settings.data_dir / "models")

    result = quantize(recorded, *words, model=model)

    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr.splitlines()[-1]
    assert tree(recorded.settings.data_dir / "models") == before
    assert list(temporary.iterdir()) == []


@needs_nncf
def test_too_few_pictures_are_refused(recorded: Recorded, temporary: Path) -> None:
    add_layered(recorded)
    second = iso(instant(recorded.since) + 1_000_000)

    result = quantize(recorded, "--interval", f"{recorded.since}/{second}")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "pictures can be taken in the interval, want 30 at least" in result.stderr
    assert not (recorded.settings.data_dir / "models" / "door-int8").exists()
    assert list(temporary.iterdir()) == []


@needs_nncf
def test_what_is_in_int8_is_not_quantized_again(recorded: Recorded) -> None:
    add_layered(recorded)
    quantize(recorded)
    before = tree(recorded.settings.data_dir / "models")

    again = quantize(recorded, model="door-int8")
    twice = quantize(recorded)

    assert "model door-int8 is in INT8 already: it was made of door@2024-01-02" in again.stderr
    assert "there is a model door-int8 already" in twice.stderr
    assert tree(recorded.settings.data_dir / "models") == before


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        ("2026-01-01T00:00Z", "want FROM/TO, two times with their zones"),
        ("2026-01-01T00:00/2026-01-01T01:00", "want a time with its zone"),
        ("2026-01-01T01:00Z/2026-01-01T00:00Z", "want TO after FROM, by a day at most"),
        ("2026-01-01T00:00Z/2026-01-03T00:00Z", "want TO after FROM, by a day at most"),
    ],
    ids=["one time", "no zone", "backwards", "two days"],
)
def test_an_interval_that_is_none_is_refused(settings: Settings, interval: str, says: str) -> None:
    words = ["quantize", "door", "--from", "cam-gate", "--interval", interval]

    result = vms("models", *words)

    assert result.exit_code == 2
    assert says in " ".join(re.sub(r"[│\n]", " ", result.stderr).split())


def test_without_nncf_it_says_how_to_install_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    words = ["quantize", "door", "--from", "cam-gate"]

    result = vms("models", *words, "--interval", "2026-01-01T00:00Z/2026-01-01T01:00Z")

    assert result.exit_code == 1
    assert result.stderr == "vms: quantizing needs NNCF: pip install 'vms[quantize]'\n"


def test_no_gain_is_said_plainly() -> None:
    found = Accuracy("person", 4, 0.9, 0.75, 0.5)
    slower = SideBySide(9, Speed(15.0, 120.0), Speed(24.1, 80.0), (found,))
    faster = SideBySide(9, Speed(24.0, 80.0), Speed(12.0, 160.0), (found,))

    assert in_words(slower) == (
        "INT8 is not faster on this processor: 24.1 ms a picture, not 15.0; 80.0 pictures a "
        "second, not 120.0. There is no reason to switch it on here"
    )
    hardly = SideBySide(9, Speed(24.0, 80.0), Speed(12.0, 81.0), (found,))
    assert in_words(hardly).startswith("INT8 is hardly faster on this processor: 12.0 ms")
    assert in_words(faster) == "INT8 is 2.0 times as fast on this processor"
