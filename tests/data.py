"""Where the large test material lies: beside the checkout, never in it."""

from pathlib import Path

import pytest


def shared_data() -> Path:
    """The folder with models, clips and labelled images; skips the test where it is absent."""
    here = Path(__file__).resolve()
    folder = here.parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no test data: {folder.name} is not beside the checkout")
    return folder
