"""The playground's browser files: out of npm packages, pinned by version and integrity."""

from __future__ import annotations

from pathlib import Path

from app.packages import Member, NpmPackage, Progress, Wanted, from_npm, silent

ASSETS = Path(__file__).resolve().parent.parent / ".assets"
"""Beside the rooms, so that every process of an installation finds the same files."""

MAX_BYTES = 8_000_000

GRAPHIQL = NpmPackage(
    "graphiql",
    "3.8.3",
    "sha512-cuPDYtXVKV86Pu5PHBX642Odi/uVEE2y1Jxq5rGO/Qy1G2lRp7ZZ7a/T30RzxhuLSWo9zUbzq0P3U49//H0Ugw==",
)
REACT = NpmPackage(
    "react",
    "18.2.0",
    "sha512-/3IjMdb2L9QbBdWiW5e3P2/npwMBaU9mHCSCUzNln0ZCYbcfTsGbTJrU/kGemdH2IWmB2ioZ+zkxtmq6g09fGQ==",
)
REACT_DOM = NpmPackage(
    "react-dom",
    "18.2.0",
    "sha512-6IMTriUmvsjHUjNtEDudZfuDQUoWXVxKHhlEGSk81n4YFS+r/Kl99wXiwlVXtPBtJenozv2P+hxDsw9eA7Xo6g==",
)

PLAYGROUND = (
    (
        REACT,
        "package/umd/react.production.min.js",
        "4b4969fa4ef3594324da2c6d78ce8766fbbc2fd121fff395aedf997db0a99a06",
    ),
    (
        REACT_DOM,
        "package/umd/react-dom.production.min.js",
        "21758ed084cd0e37e735722ee4f3957ea960628a29dfa6c3ce1a1d47a2d6e4f7",
    ),
    (
        GRAPHIQL,
        "package/graphiql.min.js",
        "22faab94067b695e5f7959619fbe686ebcc8955002a0c97d986bcbba4ad4bc2c",
    ),
    (
        GRAPHIQL,
        "package/graphiql.min.css",
        "b1868247f8e0502cd869e581f5f3cb55b334862e7f51b1d6cbace11059b9adc2",
    ),
)


def fetch_assets(folder: Path = ASSETS, progress: Progress = silent) -> None:
    """Gets the playground's files where they are not there yet.

    Raises:
        FetchFailed: a package could not be had.
    """
    target = folder / "graphiql"
    target.mkdir(parents=True, exist_ok=True)
    members: dict[NpmPackage, list[Member]] = {}
    for package, name, sha256 in PLAYGROUND:
        wanted = Wanted(target / name.rsplit("/", 1)[1], (sha256,), MAX_BYTES)
        members.setdefault(package, []).append(Member(name, wanted))
    for package, files in members.items():
        from_npm(package, files, progress)
