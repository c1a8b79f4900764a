"""The models of this installation: which are there, where others come from, how one is added.

A model is a folder `{data_dir}/models/{name}` with `model.toml` and the files it names. The TOML is
written last, so that a model is listed when it is whole, and its files are verified before use.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.packages import (
    FetchFailed,
    Member,
    NpmPackage,
    Progress,
    Wanted,
    download,
    from_npm,
    locked,
    sha256_of,
    silent,
)
from media.detect.catalogue import DEFAULT_MODEL, FALLBACK_MODEL, catalogue, description_text
from media.detect.description import DescriptionError, ModelDescription

logger = logging.getLogger(__name__)

DESCRIPTION = "model.toml"
_MAX_BYTES = 64 * 1024 * 1024

OBJECTRON = NpmPackage(
    "@mediapipe/objectron",
    "0.4.1675468480",
    "sha512-IoWuW0ojc9GaSW6UoDCIXgwjLSqTEcR5w8NYuGH+R5+q+nKzS7KOIGfY/eyx4DttReumb398W6+PpW0DQ2Rs/w==",
)


class ModelError(Exception):
    """A model can't be had, installed or used; the text says why, for a person to read."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    description: ModelDescription
    folder: Path

    @property
    def path(self) -> Path:
        """The file to open."""
        return self.folder / self.description.files[0].name


def _yolox_nano(folder: Path, progress: Progress) -> None:
    description = catalogue()[DEFAULT_MODEL]
    download(description.source, _wanted(description, folder), progress)


def _ssd_oidv4(folder: Path, progress: Progress) -> None:
    wanted = _wanted(catalogue()[FALLBACK_MODEL], folder)
    inside = "package/objectron_solution_packed_assets.data"
    from_npm(OBJECTRON, [Member(inside, wanted, part=(184, 9_987_912))], progress)


def _wanted(description: ModelDescription, folder: Path) -> Wanted:
    file = description.files[0]
    return Wanted(folder / file.name, file.sha256, _MAX_BYTES)


_FETCH: dict[str, Callable[[Path, Progress], None]] = {
    DEFAULT_MODEL: _yolox_nano,
    FALLBACK_MODEL: _ssd_oidv4,
}


class ModelStore:
    """The folder of models. Safe to use from several processes at once."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "models"

    def installed(self) -> list[InstalledModel]:
        """Those whose description can be read, the catalogue's first; files are not looked at."""
        found = {model.description.name: model for model in self._read_all()}
        order = [name for name in catalogue() if name in found]
        return [found[name] for name in [*order, *sorted(found.keys() - set(order))]]

    def verify(self, model: InstalledModel) -> None:
        """Raises ModelError: a file is missing, or not the one that is described."""
        for file in model.description.files:
            path = model.folder / file.name
            if not path.is_file():
                raise ModelError(f"model {model.description.name}: {file.name} is missing")
            found = sha256_of(path)
            if found not in file.sha256:
                raise ModelError(
                    f"model {model.description.name}: {file.name} is damaged, or another file: "
                    f"its sha256 is {found}"
                )

    def pick(self, wanted: str | None = None) -> InstalledModel:
        """The model to detect with: `wanted`, or else the first installed that is sound.

        Raises:
            ModelError: it is not installed or not sound; none is; the text names every fault.
        """
        candidates = self.installed()
        if wanted is not None:
            candidates = [model for model in candidates if model.description.name == wanted]
        faults = []
        for model in candidates:
            try:
                self.verify(model)
            except ModelError as error:
                faults.append(str(error))
                continue
            return model
        missing = f"model {wanted} is not installed" if wanted else "no model is installed"
        raise ModelError("; ".join(faults) or f"{missing}: vms models pull")

    def pull(self, name: str, progress: Progress = silent) -> InstalledModel:
        """Fetch a model of the catalogue; what is there already, and sound, is not fetched again.

        Raises:
            ModelError: not of the catalogue, or it could not be had.
        """
        if name not in _FETCH:
            known = ", ".join(catalogue())
            raise ModelError(f"{name} is not in the catalogue ({known}); --file installs your own")
        folder = self.root / name
        try:
            _FETCH[name](folder, progress)
        except (FetchFailed, OSError) as error:
            raise ModelError(f"model {name}: {error}") from error
        return self._describe(folder, catalogue()[name], description_text(name))

    def pull_default(self, progress: Progress = silent) -> tuple[InstalledModel, str | None]:
        """The default model, or else the fallback with the reason why.

        Raises:
            ModelError: neither could be had; says why of each.
        """
        try:
            return self.pull(DEFAULT_MODEL, progress), None
        except ModelError as first:
            try:
                return self.pull(FALLBACK_MODEL, progress), str(first)
            except ModelError as second:
                raise ModelError(f"{first}; {second}") from second

    def install(self, path: Path, name: str | None = None) -> InstalledModel:
        """Install a file of the user's: one of the catalogue's, or one with a TOML beside it.

        Args:
            path: the file to open later; others that its description names lie beside it.
            name: of the catalogue, when the file must be that model.

        Raises:
            ModelError: not that model, not described, or not what its description says.
        """
        if not path.is_file():
            raise ModelError(f"no file {path}")
        description, text = _description_of(path, name)
        folder = self.root / description.name
        try:
            with locked(folder):
                for index, file in enumerate(description.files):
                    source = path if index == 0 else path.with_name(file.name)
                    _copy(source, Wanted(folder / file.name, file.sha256, _MAX_BYTES))
        except OSError as error:
            raise ModelError(f"model {description.name}: {error}") from error
        return self._describe(folder, description, text)

    def _describe(self, folder: Path, description: ModelDescription, text: str) -> InstalledModel:
        partial = folder / f"{DESCRIPTION}.partial"
        with locked(folder):
            partial.write_text(text, encoding="utf-8")
            partial.replace(folder / DESCRIPTION)
        return InstalledModel(description, folder)

    def _read_all(self) -> Iterator[InstalledModel]:
        for path in sorted(self.root.glob(f"*/{DESCRIPTION}")):
            try:
                yield InstalledModel(
                    ModelDescription.from_toml(path.read_text(encoding="utf-8")), path.parent
                )
            except (DescriptionError, OSError, UnicodeDecodeError) as error:
                logger.warning("%s is left out: %s", path, error)


def _description_of(path: Path, name: str | None) -> tuple[ModelDescription, str]:
    """What `path` is: by its content one of the catalogue's, or by the TOML beside it."""
    found = sha256_of(path)
    for known in catalogue().values():
        if name in (None, known.name) and found in known.files[0].sha256:
            return known, description_text(known.name)
    if name is not None and name in catalogue():
        raise ModelError(f"{path.name} is not {name} as the catalogue knows it: sha256 {found}")
    beside = path.with_suffix(".toml")
    if not beside.is_file():
        raise ModelError(
            f"{path.name} is no model of the catalogue (its sha256 is {found}); to install "
            f"your own, describe it in {beside.name} beside it"
        )
    text = beside.read_text(encoding="utf-8")
    try:
        description = ModelDescription.from_toml(text)
    except DescriptionError as error:
        raise ModelError(f"{beside.name}: {error}") from error
    if description.name in catalogue() or name not in (None, description.name):
        raise ModelError(f"{beside.name} names it {description.name}: that name is not free for it")
    return description, text


def _copy(source: Path, wanted: Wanted) -> None:
    """Verified before it gets its name."""
    if not source.is_file():
        raise ModelError(f"no file {source.name} beside the model")
    shutil.copyfile(source, wanted.partial)
    found = sha256_of(wanted.partial)
    if found not in wanted.sha256:
        wanted.partial.unlink()
        raise ModelError(f"{source.name} is not what is described: its sha256 is {found}")
    wanted.partial.replace(wanted.target)
