"""What the kinds of heatmaps are called, and what each of them says, for people who read CT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MapWords:
    """``name`` stands in menus; ``about`` is one sentence or two."""

    name: str
    about: str


_BY_KIND: Mapping[str, MapWords] = {
    "density": MapWords(
        "density",
        "Share of lung that is denser than this scan's own healthy lung. A rule, no network.",
    ),
    "cam": MapWords(
        "CAM", "Class activation map: where the last features of the network speak for the class. Coarse."
    ),
    "cam gradient": MapWords(
        "gradient CAM",
        "Where stronger features would raise the probability of the class in this scan. Coarse.",
    ),
    "3dcc": MapWords(
        "3DCC",
        "Where the edge of the lung mask breaks into pieces, as dense lung makes it. It knows of no class.",
    ),
    "conv3": MapWords(
        "fine scale",
        "Class map of block Conv3: what speaks for the class at the size of small findings, some "
        "millimetres of texture and edges.",
    ),
    "conv4": MapWords(
        "middle scale",
        "Class map of block Conv4: what speaks for the class at the size of patchy findings, about a "
        "centimetre.",
    ),
    "conv5": MapWords(
        "coarse scale",
        "Class map of block Conv5: what speaks for the class at the size of large findings, a part of a "
        "lobe. Blurred by its nature.",
    ),
    "joint": MapWords(
        "all scales",
        "Joint saliency: pixels on which the fine, the middle and the coarse scale all rest. As a rule only "
        "for the slices with most evidence; elsewhere it is empty.",
    ),
    "lung relevance": MapWords(
        "lung relevance",
        "Pixels of the lung image on which the answer rests, traced back through the network. Slices that "
        "were not traced are empty.",
    ),
    "lesion relevance": MapWords(
        "lesion relevance",
        "Parts of the lesion segmentation on which the answer rests. Empty where no lesion was segmented; "
        "compare it with the lung relevance on the same slice.",
    ),
    "coarse": MapWords(
        "large patches", "Probability of infection in patches of some centimetres that overlap."
    ),
    "fine": MapWords(
        "small patches",
        "Probability of infection in patches of some millimetres; looked at only inside infected large ones.",
    ),
    "attention": MapWords(
        "attention",
        "How much each place counted for the answer on its slice. Where the network looked, not what is "
        "infected.",
    ),
}


def words_of(kind: str) -> MapWords:
    """Return the words for a kind; a kind that nobody has described yet is called by its own name."""
    return _BY_KIND.get(kind, MapWords(kind, ""))
