"""The choices of the stages before any system: lungs, lobes, lesions. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diagnosis.systems.interface import OptionSpec

METHOD = "method"
AUTOMATIC, NONE = "automatic", "none"

SEGMENTATIONS: Mapping[str, Sequence[OptionSpec]] = {
    "lungs": (
        OptionSpec(
            name=METHOD,
            choices=(AUTOMATIC, "network", "closed", "threshold", "kmeans", "multiview", "deepmedic"),
            default=AUTOMATIC,
            help="automatic: the network where its weights are present, otherwise closed (by rules). "
            "threshold, kmeans, multiview and deepmedic: as single papers do it.",
        ),
    ),
    "lobes": (
        OptionSpec(
            name=METHOD,
            choices=(AUTOMATIC, "network", "geometric", NONE),
            default=AUTOMATIC,
            help="automatic: the network where its weights are present, otherwise none. "
            "geometric: planes at the usual place of the fissures, a rough guess.",
        ),
    ),
    "lesions": (
        OptionSpec(
            name=METHOD,
            choices=(AUTOMATIC, "network", "unet3d", NONE),
            default=AUTOMATIC,
            help="automatic: the network where its weights are present, otherwise none, and the infected "
            "volume is that of dense lung.",
        ),
    ),
}
"""Options by owner, as systems have them: ``lungs.method=closed``."""
