"""Fixtures that several modules of this room share."""

from __future__ import annotations

import pytest

from app.settings import Settings
from tests.app.replayed import Recorded, installation


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What tests of replays begin with a copy of: recording takes real time."""
    return installation(Settings(data_dir=tmp_path_factory.mktemp("pattern"), device="CPU"))
