from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from app.graphql_documents import graphql_documents, read_trusted
from app.settings import Settings, SettingsError
from resolvers.bus import LocalBus

QUERY = "{ viewer { tenantId } }"
DIGEST = hashlib.sha256(QUERY.encode()).hexdigest()


def written(folder: Path, content: object) -> Path:
    path = folder / "trusted.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_map_of_hashes_and_an_apollo_manifest_are_read(tmp_path: Path) -> None:
    assert read_trusted(written(tmp_path, {DIGEST.upper(): QUERY})) == {DIGEST: QUERY}
    entry = {"id": DIGEST, "body": QUERY, "name": "Viewer", "type": "query"}
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [entry]}
    assert read_trusted(written(tmp_path, manifest)) == {DIGEST: QUERY}


@pytest.mark.parametrize("content", ["", "[]", {"0" * 64: QUERY}, {"operations": 7}, {DIGEST: 7}])
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, content: object) -> None:
    settings = Settings(data_dir=tmp_path, trusted_documents=written(tmp_path, content))
    with pytest.raises(SettingsError, match="VMS_TRUSTED_DOCUMENTS"):
        graphql_documents(settings, LocalBus())


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_trusted(tmp_path / "nowhere.json")
