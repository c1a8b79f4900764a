"""Measures of trackers on labelled frames: CLEAR MOT and identity F1.

CLEAR after Bernardin and Stiefelhagen 2008, as TrackEval computes it: a label keeps the track that
it had in the frame before, where they still overlap enough; what is left is matched for the most
overlap. IDF1 after Ristani et al. 2016: whole tracks are matched with whole labels, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from media.tracker import overlap
from media.types import Box

Objects = Mapping[int, Box]
"""The boxes of one frame, by their track's number."""


@dataclass(frozen=True, slots=True)
class Measures:
    recall: float
    precision: float
    idf1: float
    switches: int
    labels: int

    def __str__(self) -> str:
        return (
            f"recall {self.recall:.3f}, precision {self.precision:.3f}, IDF1 {self.idf1:.3f}, "
            f"{self.switches} identity switches, {self.labels} labels"
        )


def measure(frames: Sequence[tuple[Objects, Objects]], least_overlap: float) -> Measures:
    """Of frames in order, each as what is labelled and what was tracked."""
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    pairs: Counter[tuple[int, int]] = Counter()
    hits = switches = 0
    for labels, tracks in frames:
        matched = _matched(labels, tracks, before, least_overlap)
        hits += len(matched)
        switches += sum(last.get(label, track) != track for label, track in matched.items())
        last.update(matched)
        before = matched
        pairs.update(
            (label, track)
            for label, box in labels.items()
            for track, other in tracks.items()
            if overlap(box, other) >= least_overlap
        )
    labelled = sum(len(labels) for labels, _ in frames)
    tracked = sum(len(tracks) for _, tracks in frames)
    same = _most_in_common(pairs)
    return Measures(
        recall=hits / max(1, labelled),
        precision=hits / max(1, tracked),
        idf1=2 * same / max(1, labelled + tracked),
        switches=switches,
        labels=labelled,
    )


def _matched(
    labels: Objects, tracks: Objects, before: Mapping[int, int], least_overlap: float
) -> dict[int, int]:
    """The track of each label that has one in this frame."""
    names, others = list(labels), list(tracks)
    score = np.zeros((len(names), len(others)))
    for row, label in enumerate(names):
        for column, track in enumerate(others):
            shared = overlap(labels[label], tracks[track])
            if shared >= least_overlap:
                score[row, column] = shared + 1000 * (before.get(label) == track)
    rows, columns = linear_sum_assignment(-score)
    return {
        names[row]: others[column]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if score[row, column] > 0
    }


def _most_in_common(pairs: Counter[tuple[int, int]]) -> int:
    """Labels under tracks, when each labelled object has one track and each track one object."""
    names = sorted({label for label, _ in pairs})
    others = sorted({track for _, track in pairs})
    shared = np.array([[pairs[label, track] for track in others] for label in names])
    if not pairs:
        return 0
    rows, columns = linear_sum_assignment(-shared)
    return int(shared[rows, columns].sum())
