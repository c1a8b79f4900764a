"""Several models looked with at once: each feature by the one that has it."""

from collections.abc import Callable, Sequence

import av
import pytest
from msgspec import structs

from media.detect.description import ModelDescription
from media.detect.model_set import Eyes, ModelSet, Scalers
from media.types import Box, Detection, ModelShapeError
from tests.media.detect.scripted import ScriptedModel
from tests.media.detect.tiny import grey, tiny_description


class Named(ScriptedModel):
    """A model of a name and features of its own, which sees one object of each, or fails."""

    def __init__(self, name: str, features: Sequence[str], fault: str | None = None) -> None:
        super().__init__(self._look)
        self._name, self._features, self._fault = name, features, fault
        self.looks = 0

    @property
    def description(self) -> ModelDescription:
        features: dict[str, tuple[str, ...]] = dict.fromkeys(self._features, ("person",))
        return structs.replace(tiny_description(), name=self._name, features=features)

    def _look(self, frame: av.VideoFrame) -> list[Detection]:
        self.looks += 1
        if self._fault is not None:
            raise ModelShapeError(self._fault)
        return [Detection(self._name, each, 0.9, Box(0, 0, 1, 1)) for each in self._features]


Look = Callable[[set[str]], set[tuple[str, str]]]


def looking(*models: Named) -> Look:
    eyes = Eyes(ModelSet(models).session(), Scalers())
    return lambda features: {(each.feature, each.label) for each in eyes.detect(grey(0), features)}


def test_a_feature_is_found_by_the_first_model_that_has_it() -> None:
    street, faces = Named("street", ["person", "vehicle"]), Named("faces", ["face", "person"])

    found = looking(street, faces)({"person", "vehicle", "face"})

    assert found == {("person", "street"), ("vehicle", "street"), ("face", "faces")}
    finders = ModelSet((street, faces)).finders
    assert {name: each.name for name, each in finders.items()} == {
        "person": "street",
        "vehicle": "street",
        "face": "faces",
    }


def test_only_what_is_looked_for_is_run_and_found() -> None:
    street, faces = Named("street", ["person", "vehicle"]), Named("faces", ["face"])

    found = looking(street, faces)({"vehicle"})

    assert found == {("vehicle", "street")}
    assert (street.looks, faces.looks) == (1, 0)


def test_one_model_that_fails_does_not_silence_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    look = looking(Named("street", ["person"], fault="model street: odd"), Named("f", ["face"]))

    assert look({"person", "face"}) == {("face", "f")}
    assert look({"person", "face"}) == {("face", "f")}
    assert caplog.text.count("model street: odd") == 1
    with pytest.raises(ModelShapeError, match="model street: odd"):
        look({"person"})
