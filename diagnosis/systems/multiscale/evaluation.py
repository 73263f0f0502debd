"""The multi-scale classifier in its evaluation: Tables 2 and 3 of Hu et al., 2020; where its maps lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.multiclass import QUANTITIES, Performance, between, classification
from diagnosis.evaluation.predictions import Prediction
from diagnosis.evaluation.report import as_json
from diagnosis.evaluation.report_tables import Table, number
from diagnosis.systems.evaluating import OwnReport, Reading
from diagnosis.systems.interface import Case
from diagnosis.systems.multiscale.aggregation import patient_probabilities
from diagnosis.systems.multiscale.lesion_placement import (
    likelier_disease,
    placed_by_class,
    placement,
    placement_findings,
    placement_table,
)
from diagnosis.systems.multiscale.network import sum_of_maxima
from diagnosis.systems.multiscale.preprocessing import network_input
from diagnosis.systems.multiscale.reading import reader_of
from diagnosis.systems.multiscale.spec import CAP, CLASS_MAPS, CLASSES, COVID, NP
from diagnosis.systems.true_lesions import true_lesions
from diagnosis.volume import LabelArray

JOINT_TASK = "joint classifier"
PAIRS = {"NP/COVID-19": (COVID, NP), "NP/CAP": (CAP, NP), "COVID-19/CAP": (COVID, CAP)}
"""The binary tasks, the positive class first."""
PUBLISHED: Mapping[str, tuple[float, float]] = {
    "conv3 alone": (0.723, 0.742), "conv4 alone": (0.832, 0.834), "conv5 alone": (0.843, 0.835),
    JOINT_TASK: (0.874, 0.895), "NP/COVID-19": (0.962, 0.970), "NP/CAP": (0.940, 0.952),
    "COVID-19/CAP": (0.891, 0.906), COVID: (0.892, 0.923), CAP: (0.847, 0.864), NP: (0.883, 0.901),
}  # fmt: skip
"""Accuracy and AUC of Tables 2 and 3."""


class MultiscaleEvaluator:
    """Reads studies with given weights, as in use. Raises RefusedInput (code ``bad_weights``)."""

    def __init__(self, weights: Path) -> None:
        self._reader = reader_of(weights)
        self.operating_points: Mapping[str, float] = {NP: 0.5, **self._reader.configuration.operating_points}
        self._kinds = [CLASS_MAPS[level] for level in self._reader.configuration.levels]
        self.findings: Sequence[str] = [
            *(f"{kind} {name}" for kind in self._kinds for name in CLASSES),
            *placement_findings(self._kinds),
        ]

    def read(self, case: Case, lesions: LabelArray | None) -> Reading:
        """Return the probabilities of the classes, and as findings those that each level gives alone and,
        where lesions are known, how the maps of the likelier disease lie in them.

        Raises RefusedInput (code ``no_lungs``).
        """
        shown = network_input(case.volume, case.lungs, self._reader.size("trained"))
        answers = self._reader.answers(shown)
        share = self._reader.configuration.top_share
        found = patient_probabilities(answers.probabilities, share=share)
        findings: dict[str, float] = {}
        for level, maps in answers.maps.items():
            scores = sum_of_maxima({level: torch.from_numpy(maps)})
            alone = patient_probabilities(scores.double().softmax(dim=1).numpy(), share=share)
            findings |= {f"{CLASS_MAPS[level]} {name}": float(alone[i]) for i, name in enumerate(CLASSES)}
        probabilities = dict(zip(CLASSES, map(float, found), strict=True))
        if lesions is not None:
            truth = true_lesions(case, lesions, shown.affine, shown.image.shape[1:])
            findings |= placement(self._reader, shown, answers, likelier_disease(probabilities), truth)
        return Reading(probabilities, findings)

    def own_report(self, predictions: Sequence[Prediction]) -> OwnReport | None:
        """Return the tables of the paper over the studies of the three classes, and where their maps lie;
        None when a class is missing."""
        counted = [one for one in predictions if one.class_name in CLASSES]
        truth = [one.class_name for one in counted]
        if set(truth) != set(CLASSES):
            return None
        joint = np.array([[one.probabilities[name] for name in CLASSES] for one in counted])
        alone = {
            f"{kind} alone": np.array(
                [[one.findings[f"{kind} {name}"] for name in CLASSES] for one in counted]
            )
            for kind in self._kinds
        }
        tasks, classes = tables_of_paper(truth, joint, alone)
        content: dict[str, Any] = {
            part: {name: as_json(found) for name, found in rows.items()}
            for part, rows in (("tasks", tasks), ("classes", classes))
        }
        tables = [task_table(tasks), class_table(classes)]
        placed = placed_by_class(counted, self._kinds)
        if placed:
            content["lesions"] = {
                name: {kind: as_json(found) for kind, found in rows.items()} for name, rows in placed.items()
            }
            tables.append(placement_table(placed))
        return OwnReport("classification", content, tables)


def tables_of_paper(
    truth: Sequence[str], joint: Numbers, alone: Mapping[str, Numbers]
) -> tuple[dict[str, Performance], dict[str, Performance]]:
    """Return the rows of Table 2 and of Table 3.

    ``joint`` and each of ``alone`` (by the name of its row) are probabilities ``[patient, class]``, classes
    as in CLASSES.
    """
    whole = classification(truth, joint, CLASSES)
    tasks = {name: classification(truth, found, CLASSES).overall for name, found in alone.items()}
    tasks[JOINT_TASK] = whole.overall
    for name, pair in PAIRS.items():
        tasks[name] = classification(*between(truth, joint, CLASSES, pair), pair).overall
    return tasks, whole.by_class


def task_table(tasks: Mapping[str, Performance]) -> Table:
    """Return Table 2."""
    note = (
        "Patients, not slices. The first rows tell three classes apart; but for accuracy their numbers are "
        "means over the classes. A level alone: read from its scores in the joint network, not trained by "
        "itself. Two classes: the probabilities of the joint network, made to add up to 1 again, over the "
        "patients of these two; NP, then CAP, is negative. 95 % intervals of 2000 bootstrap samples."
    )
    return _table("Tasks, as in Hu et al., Table 2", "task", tasks, note)


def class_table(classes: Mapping[str, Performance]) -> Table:
    """Return Table 3."""
    note = "Each class against both others; called by the highest probability. 95 % intervals as above."
    return _table("Classes, as in Hu et al., Table 3", "class", classes, note)


def _table(title: str, first: str, rows: Mapping[str, Performance], note: str) -> Table:
    columns = (first, "patients", *QUANTITIES, "Hu et al.: accuracy, AUC")
    return Table(title, columns, [_row(name, found) for name, found in rows.items()], note)


def _row(name: str, found: Performance) -> tuple[str, ...]:
    estimates = [getattr(found, quantity) for quantity in QUANTITIES]
    cells = [number(None) if one is None else number(one.value, one.interval) for one in estimates]
    published = PUBLISHED.get(name)
    return name, str(found.n), *cells, "-" if published is None else "{:.3f}, {:.3f}".format(*published)
