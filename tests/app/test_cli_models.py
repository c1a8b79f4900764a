"""The `vms models` commands."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli_models import models_app
from media.detect.catalogue import catalogue
from media.types import MOTION_VERSION
from tests.app.described import describe, tiny_files
from tests.media.detect.pictures import save_yolo


@dataclass(frozen=True)
class Settings:
    data_dir: Path
    device: str = "CPU"
    model: str | None = None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data")


def vms_models(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(models_app, list(arguments), obj=settings)


def tiny_model(folder: Path) -> Path:
    """A real model of one's own: an .xml and its .bin, described."""
    files = tiny_files(folder)
    files[0].with_suffix(".toml").write_text(describe(files))
    return files[0]


def test_the_list_has_the_catalogue_and_what_is_installed(
    settings: Settings, tmp_path: Path
) -> None:
    vms_models(settings, "pull", "--file", str(tiny_model(tmp_path)))

    lines = vms_models(settings, "list").stdout.splitlines()

    models, features = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert models[0] == (
        "yolox-nano@2021-08-19  Apache-2.0  person, vehicle  not installed: "
        "vms models pull yolox-nano"
    )
    assert models[-1] == "tiny@2024-01-02  MIT  person, vehicle  installed"
    assert len(models) == len(catalogue()) + 1
    assert features == [
        "person         tiny@2024-01-02",
        "vehicle        tiny@2024-01-02",
        "face           unavailable: vms models pull face-detection-retail-0004",
        "license_plate  unavailable: vms models pull vehicle-license-plate-detection-barrier-0106",
        "violence       unavailable: vms models pull action-recognition-0001",
        f"motion         {MOTION_VERSION}",
    ]


def test_each_feature_is_found_by_the_first_installed_model_that_has_it(
    settings: Settings, tmp_path: Path
) -> None:
    vms_models(settings, "add", str(tiny_model(tmp_path).with_suffix(".toml")))
    text = (tmp_path / "tiny.toml").read_text()
    text = text.replace('name = "tiny"', 'name = "zzz"').replace("person = [", "face = [")
    (tmp_path / "zzz.toml").write_text(text)
    (tmp_path / "yyy.toml").write_text(text.replace('name = "zzz"', 'name = "yyy"'))
    vms_models(settings, "add", str(tmp_path / "yyy.toml"))

    added = vms_models(settings, "add", str(tmp_path / "zzz.toml"))
    listed = vms_models(settings, "list").stdout

    assert added.stdout.startswith("zzz@2024-01-02 is installed in ")
    features = listed[listed.index("\n\n") + 2 :].splitlines()
    assert features[:3] == [
        "person         tiny@2024-01-02",
        "vehicle        tiny@2024-01-02",
        "face           yyy@2024-01-02",
    ]


def test_a_wrong_description_is_refused_by_its_field(settings: Settings, tmp_path: Path) -> None:
    path = tiny_model(tmp_path).with_suffix(".toml")
    path.write_text(path.read_text().replace('colour = "BGR"', 'colour = "GRB"'))

    result = vms_models(settings, "add", str(path))

    assert result.exit_code == 1
    assert "vms: tiny.toml: input.colour: Invalid enum value 'GRB' (one of BGR, RGB)" in (
        result.stderr
    )
    assert not list(settings.data_dir.rglob("*.xml"))


def test_a_description_in_the_folder_that_cannot_be_read_is_listed(settings: Settings) -> None:
    folder = settings.data_dir / "models" / "door"
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text("name = 7\n")

    assert "unreadable: door/model.toml: " in vms_models(settings, "list").stderr


def test_accuracy_is_measured_on_labelled_pictures(settings: Settings, tmp_path: Path) -> None:
    files = tiny_files(tmp_path, [[0, 1, 0.5, 0, 0, 0.25, 0.5]])  # on the first picture's person
    files[0].with_suffix(".toml").write_text(describe(files))
    vms_models(settings, "pull", "--file", str(files[0]))
    folder = str(save_yolo(tmp_path / "labelled"))

    result = vms_models(settings, "check", "--dataset", folder, "--model", "tiny")

    head, *table = result.stdout.splitlines()
    assert re.fullmatch(r"tiny@2024-01-02 on CPU: 2 pictures, \d+\.\d ms each", head)
    assert table == [
        "feature        labels   AP50  precision  recall  (both at score 0.40)",
        "person              1   1.00       0.50    1.00",
        "vehicle             1   0.00          -    0.00",
    ]


def test_without_a_name_each_feature_is_measured_with_the_model_that_finds_it(
    settings: Settings, tmp_path: Path
) -> None:
    files = tiny_files(tmp_path, [[0, 1, 0.5, 0, 0, 0.25, 0.5]])  # on the first picture's person
    text = describe(files)
    (tmp_path / "tiny.toml").write_text(text)
    other = text.replace('name = "tiny"', 'name = "zzz"').replace("person = [", "face = [")
    (tmp_path / "zzz.toml").write_text(other)
    for name in ("tiny", "zzz"):
        vms_models(settings, "add", str(tmp_path / f"{name}.toml"))
    folder = save_yolo(tmp_path / "labelled")
    (folder / "names.yaml").write_text("names: [person, tree, face]\n")

    both = vms_models(settings, "check", "--dataset", str(folder)).stdout.splitlines()
    one = vms_models(settings, "check", "tiny", "--dataset", str(folder)).stdout.splitlines()
    (folder / "names.yaml").write_text("names: [license plate, tree, kite]\n")
    neither = vms_models(settings, "check", "--dataset", str(folder))

    assert [line.split()[0] for line in both] == [
        *("tiny@2024-01-02", "feature", "person"),
        *("zzz@2024-01-02", "feature", "face"),
    ]
    assert one[-1] == "face           is labelled, and not found by these"
    assert neither.exit_code == 1
    assert "vms: tiny, zzz: can't find what is labelled: license_plate" in neither.stderr


def test_labelled_pictures_that_cannot_be_read_are_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    vms_models(settings, "pull", "--file", str(tiny_model(tmp_path / "m")))

    result = vms_models(settings, "check", "--dataset", str(tmp_path / "m"))

    assert result.exit_code == 1
    assert "want pictures with a .txt of YOLO's each, or one COCO .json" in result.stderr


def test_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "data", device="NPU.7")
    (tmp_path / "m").mkdir()
    vms_models(settings, "pull", "--file", str(tiny_model(tmp_path / "m")))

    checked = vms_models(settings, "check").stdout

    assert "tiny@2024-01-02 runs on CPU, " in checked
    assert "not where it was to: it can't run on NPU.7: " in checked


def test_a_model_of_one_s_own_is_installed_and_checked(settings: Settings, tmp_path: Path) -> None:
    pulled = vms_models(settings, "pull", "--file", str(tiny_model(tmp_path)))
    checked = vms_models(settings, "check")

    assert (pulled.exit_code, checked.exit_code) == (0, 0)
    assert pulled.stdout.startswith("tiny@2024-01-02 is installed in ")
    assert "tiny@2024-01-02 runs on CPU, " in checked.stdout


def test_a_check_of_what_is_not_installed_says_so(settings: Settings) -> None:
    result = vms_models(settings, "check", "yolox-nano")

    assert result.exit_code == 1
    assert "vms: model yolox-nano is not installed: vms models pull" in result.stderr


def test_a_damaged_model_is_listed_as_unusable(settings: Settings, tmp_path: Path) -> None:
    vms_models(settings, "pull", "--file", str(tiny_model(tmp_path)))
    (settings.data_dir / "models" / "tiny" / "tiny.xml").write_bytes(b"rotten")

    assert "unusable: model tiny: tiny.xml is damaged" in vms_models(settings, "list").stdout
    assert vms_models(settings, "check").exit_code == 1


def test_a_model_whose_output_cannot_be_read_is_not_installed(
    settings: Settings, tmp_path: Path
) -> None:
    path = tiny_model(tmp_path)
    text = path.with_suffix(".toml").read_text().replace('family = "ssd"', 'family = "yolox"')
    path.with_suffix(".toml").write_text(text)

    result = vms_models(settings, "pull", "--file", str(path))

    assert result.exit_code == 1
    assert "model tiny (yolox): want" in result.stderr
    assert "not installed" in vms_models(settings, "check", "tiny").stderr


def test_a_file_that_is_not_there_is_told(settings: Settings) -> None:
    result = vms_models(settings, "pull", "--file", "nowhere.onnx")

    assert result.exit_code == 1
    assert "no file nowhere.onnx" in result.stderr


@pytest.mark.parametrize("command", ["list", "pull", "add", "check"])
def test_every_command_has_help(settings: Settings, command: str) -> None:
    assert vms_models(settings, command, "--help").exit_code == 0
