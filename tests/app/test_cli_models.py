"""The `vms models` commands."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli_models import models_app
from tests.media.detect.tiny import DESCRIPTION, save_ssd


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
    path = save_ssd(folder / "tiny.xml", [[0, 1, 0.5, 0, 0, 1, 1]])
    files = "\n".join(
        f'[[files]]\nname = "{file.name}"\n'
        f'sha256 = ["{hashlib.sha256(file.read_bytes()).hexdigest()}"]'
        for file in (path, path.with_suffix(".bin"))
    )
    start, end = DESCRIPTION.index("[[files]]"), DESCRIPTION.index("[input]")
    text = f"{DESCRIPTION[:start]}{files}\n\n{DESCRIPTION[end:]}"
    path.with_suffix(".toml").write_text(text)
    return path


def test_the_list_has_the_catalogue_and_what_is_installed(
    settings: Settings, tmp_path: Path
) -> None:
    vms_models(settings, "pull", "--file", str(tiny_model(tmp_path)))

    lines = vms_models(settings, "list").stdout.splitlines()

    assert lines == [
        "yolox-nano@2021-08-19  Apache-2.0  person, vehicle  not installed",
        "ssd-mobilenetv2-oidv4@2023-02-03  Apache-2.0  person, vehicle  not installed",
        "tiny@2024-01-02  MIT  person, vehicle  installed",
    ]


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


def test_a_model_that_cannot_be_read_fails_its_check(settings: Settings, tmp_path: Path) -> None:
    path = tiny_model(tmp_path)
    text = path.with_suffix(".toml").read_text().replace('family = "ssd"', 'family = "yolox"')
    path.with_suffix(".toml").write_text(text)
    vms_models(settings, "pull", "--file", str(path))

    result = vms_models(settings, "check", "tiny")

    assert result.exit_code == 1
    assert "model tiny (yolox): want" in result.stderr


def test_a_file_that_is_not_there_is_told(settings: Settings) -> None:
    result = vms_models(settings, "pull", "--file", "nowhere.onnx")

    assert result.exit_code == 1
    assert "no file nowhere.onnx" in result.stderr


@pytest.mark.parametrize("command", ["list", "pull", "check"])
def test_every_command_has_help(settings: Settings, command: str) -> None:
    assert vms_models(settings, command, "--help").exit_code == 0
