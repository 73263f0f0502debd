"""The model card: what weights are, what they were trained on, how, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from diagnosis.labels import NOTICE
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.task import Settings


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card states. ``started_from`` names the weights a fine-tuning began with, and
    ``started_on_phantoms`` says whether those had seen phantoms only."""

    system: str
    network: str
    parameters: int
    version: str
    schedule: str
    settings: Settings
    label_set: str
    train: int
    validation: int
    phantoms: int
    processes: int
    steps: int
    best_step: int
    minutes: float
    bfloat16: bool
    metrics: Mapping[str, float]
    started_from: str = ""
    started_on_phantoms: bool = False

    @property
    def only_phantoms(self) -> bool:
        """Say whether every study was synthetic, also of the weights that these started from."""
        started_on_phantoms = not self.started_from or self.started_on_phantoms
        return self.phantoms == self.train + self.validation and started_on_phantoms


def count_phantoms(studies: LabelledStudies) -> int:
    """Return how many studies of the train and validation parts are phantoms by their provenance."""
    return sum(is_phantom(volume) for part in ("train", "validation") for volume in _part(studies, part))


def is_phantom(volume: LabelledVolume) -> bool:
    """Say whether the provenance of a study names a phantom."""
    return any("phantom" in str(word).lower() for item in volume.provenance.items() for word in item)


def model_card(facts: Facts) -> str:
    """Return the card as Markdown."""
    settings = ", ".join(f"{key} {value}" for key, value in asdict(facts.settings).items())
    precision = "bfloat16 mixed precision" if facts.bfloat16 else "float32"
    lines = [
        f"# {facts.system} {facts.version}",
        "",
        f"{NOTICE} {_what_it_was_trained_on(facts)}",
        "",
        f"- Network: {facts.network}; {facts.parameters:,} parameters.",
        f"- Data: {facts.train} studies for training, {facts.validation} for validation, "
        f"{facts.phantoms} of them phantoms; label set {facts.label_set}.",
        *([f"- Fine-tuned from {facts.started_from}."] if facts.started_from else []),
        f"- Schedule `{facts.schedule}`, seed {facts.settings.seed}: {facts.steps} steps in "
        f"{facts.minutes:.1f} minutes, {facts.processes} process(es), {precision}; "
        f"weights of step {facts.best_step}.",
        f"- Settings: {settings}.",
        "",
        "Measured on the validation part of the label set, never on its test part:",
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {name} | {value:.4g} |" for name, value in facts.metrics.items()),
    ]
    return "\n".join(lines) + "\n"


def _what_it_was_trained_on(facts: Facts) -> str:
    if facts.only_phantoms:
        return "Trained on phantoms only; no accuracy on patients is claimed."
    return "Trained on a label folder of its user; no accuracy on other patients is claimed."


def _part(studies: LabelledStudies, part: str) -> Sequence[LabelledVolume]:
    return studies.parts["train"] if part == "train" else studies.parts["validation"]


def header_of(facts: Facts, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header that stands in the weights themselves."""
    return {
        "system": facts.system,
        "version": facts.version,
        "config": dict(config),
        "schedule": facts.schedule,
        "seed": facts.settings.seed,
        "steps": facts.steps,
        "data_hash": facts.label_set,
        "phantoms": facts.phantoms,
        "studies": facts.train + facts.validation,
        "started_from": facts.started_from,
        "metrics": {name: round(value, 5) for name, value in facts.metrics.items()},
        "notice": NOTICE,
    }
