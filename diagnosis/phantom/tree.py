"""A branching tree of vessels or airways as tapered rods with round ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.lung_map import Points
from diagnosis.volume import BoolArray, LabelArray


@dataclass(frozen=True, slots=True)
class Tree:
    """``n`` segments in patient mm (x, y, z), each after its parent; roots lie at the hilum.

    ``lobe`` is 1..5, or 0 for trunks at the hilum that serve more than one lobe. ``generation`` counts the
    branchings between root and segment. ``parent`` is the number of the segment upstream, -1 at a root.
    """

    start: Points
    end: Points
    radius_start: NDArray[np.float32]
    radius_end: NDArray[np.float32]
    lobe: LabelArray
    terminal: BoolArray
    generation: NDArray[np.int32]
    parent: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def length_mm(self) -> NDArray[np.float32]:
        """Lengths of the segments."""
        return np.asarray(np.linalg.norm(self.end - self.start, axis=1), np.float32)

    def terminals(self) -> Points:
        """Return the tips of the tree, ``[n, 3]`` (x, y, z mm)."""
        return self.end[self.terminal]

    def subset(self, keep: BoolArray) -> Tree:
        """Return the segments where ``keep`` is true; one whose parent is left out becomes a root."""
        number = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
        parts = {field.name: getattr(self, field.name)[keep] for field in fields(self)}
        parts["parent"] = np.where(parts["parent"] >= 0, number[parts["parent"]], -1).astype(np.int32)
        return Tree(**parts)

    @staticmethod
    def joined(trees: Sequence[Tree]) -> Tree:
        """Return the segments of all trees as one."""
        names = [field.name for field in fields(Tree)]
        parts = {name: np.concatenate([getattr(tree, name) for tree in trees]) for name in names}
        before = np.cumsum([0] + [len(tree) for tree in trees[:-1]])
        parts["parent"] = np.concatenate(
            [
                np.where(tree.parent >= 0, tree.parent + count, -1).astype(np.int32)
                for tree, count in zip(trees, before, strict=True)
            ]
        )
        return Tree(**parts)
