"""The models that a process detects with, and what it says of the others."""

from pathlib import Path

import pytest
from av.video.reformatter import VideoReformatter

from app.detection import open_detection
from app.model_store import ModelStore
from app.settings import Settings
from media.types import ModelStatus
from tests.app.described import describe, tiny_files
from tests.media.detect.clip_networks import save_classifier
from tests.media.detect.plate_networks import save_detector, save_reader
from tests.media.detect.test_network import Device
from tests.media.detect.test_network import device as device
from tests.media.detect.tiny import grey


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", device="CPU")


def add(settings: Settings, folder: Path, name: str, found: str = "", instead: str = "") -> None:
    folder.mkdir()
    text = describe(tiny_files(folder)).replace('name = "tiny"\n', f'name = "{name}"\n')
    (folder / "own.toml").write_text(text.replace(found, instead) if found else text)
    ModelStore(settings.data_dir).add(folder / "own.toml")


def statuses(settings: Settings) -> dict[str, ModelStatus]:
    with open_detection(settings) as detection:
        return {each.name: each for each in detection.statuses()}


def test_what_is_not_installed_says_how_to_get_it(settings: Settings) -> None:
    found = statuses(settings)["face-detection-retail-0004"]

    assert found.features == ("face",)
    assert not found.installed
    assert found.reason == "not installed: vms models pull face-detection-retail-0004"


READER = '[output]\nfamily = "ctc"\nlabels = ["", "5"]\n[features]\nlicense_plate = []\n'


def test_of_two_models_for_the_same_the_first_is_in_use_and_the_other_says_why_not(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path / "a", "aaa")
    add(settings, tmp_path / "b", "bbb")

    found = statuses(settings)

    assert (found["aaa"].active, found["aaa"].device, found["aaa"].reason) == (True, "CPU", None)
    assert found["bbb"].reason == "another model is in use"


def test_models_of_each_task_are_in_use_at_once_and_what_does_not_run_stops_no_other(
    settings: Settings, tmp_path: Path
) -> None:
    store = ModelStore(settings.data_dir)
    add(settings, tmp_path / "a", "aaa")
    add(settings, tmp_path / "b", "bbb", 'family = "ssd"', 'family = "yolox"')
    for save in (save_detector, save_reader, save_classifier):
        store.add(save(tmp_path))
    broken = store.root / "bbb" / "model.toml"
    broken.write_text(broken.read_text().replace("person = [", "face = ["))

    with open_detection(settings) as detection:
        found = {each.name: each for each in detection.statuses() if each.installed}
        finders = {name: each.name for name, each in detection.pool.models.finders.items()}
        lacking = detection.lacking

    in_use = {name: each.device for name, each in found.items() if each.active}
    assert in_use == dict.fromkeys(("aaa", "plate-finder", "plate-reader", "fight-teller"), "CPU")
    assert finders == {
        "person": "aaa",
        "vehicle": "aaa",
        "license_plate": "plate-finder",
        "violence": "fight-teller",
        "motion": "motion",
    }
    assert (found["bbb"].reason or "").startswith("model bbb (yolox): want")
    assert lacking.keys() == {"face"}
    assert lacking["face"].startswith("unavailable: bbb: model bbb (yolox): want")


def test_the_detector_that_settings_name_comes_before_all(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path / "a", "aaa")
    add(settings, tmp_path / "b", "bbb")

    found = statuses(settings.model_copy(update={"model": "bbb"}))

    assert (found["aaa"].active, found["bbb"].active) == (False, True)


def test_a_device_that_is_not_there_is_the_reason_beside_the_one_in_use(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path / "a", "aaa")

    found = statuses(settings.model_copy(update={"device": "NPU.7"}))["aaa"]

    assert (found.active, found.device) == (True, "CPU")
    assert found.reason is not None
    assert found.reason.startswith("it can't run on NPU.7: ")


def test_a_device_that_fails_later_on_is_told_as_soon_as_the_next_look(
    settings: Settings, tmp_path: Path, device: Device
) -> None:
    add(settings, tmp_path / "a", "aaa")
    with open_detection(settings.model_copy(update={"device": "GPU"})) as detection:
        before = {each.name: each for each in detection.statuses()}["aaa"]
        device.fails = lambda number: True
        detection.pool.models.detectors[0].session().detect(grey(110), VideoReformatter())
        after = {each.name: each for each in detection.statuses()}["aaa"]

    assert (before.active, before.device, before.reason) == (True, "GPU.0", None)
    assert (after.active, after.device) == (True, "CPU")
    assert after.reason == "GPU.0 fails: [GPU] CL_DEVICE_NOT_AVAILABLE"


def test_a_model_that_does_not_run_says_so_and_nothing_is_detected(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path / "a", "aaa", 'family = "ssd"', 'family = "yolox"')

    found = statuses(settings)["aaa"]

    assert not found.active
    assert found.reason is not None
    assert found.reason.startswith("model aaa (yolox): want")


def test_without_any_model_motion_is_told_all_the_same(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_detection(settings) as detection:
        assert detection.pool.models.finders.keys() == {"motion"}
        assert "motion" not in detection.lacking
        assert detection.lacking.keys() >= {"person", "vehicle", "face"}
    assert "no model is installed" in caplog.text


def test_a_reader_cannot_be_chosen_to_detect(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    text = describe(tiny_files(folder))
    (folder / "own.toml").write_text(text[: text.index("[output]")] + READER)
    ModelStore(settings.data_dir).add(folder / "own.toml")

    found = statuses(settings.model_copy(update={"model": "tiny"}))["tiny"]

    assert not found.active
    assert found.reason == "model tiny is no detector: it reads text"
