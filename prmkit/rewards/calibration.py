"""Calibration: what turns a model's scores into probabilities that come true, fitted on problems it never learned from.

Three methods: temperature (Guo et al. 2017, arXiv:1706.04599) divides the logits of a step; Platt scaling (Platt 1999)
and isotonic regression (Zadrozny and Elkan 2002) map the score of a step, or of a solution, to another one. All three
keep the order of what they map, isotonic regression up to ties. How far scores are off is measured by
`prmkit.evaluation.calibration_error`; `prmkit calibrate` does both.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prmkit.errors import InputError, ShapeError

Floats = NDArray[np.float64]

TEMPERATURES = (0.02, 50.0)
"""Temperatures that are tried."""
_CLIP = 1e-9
"""Scores of 0 and 1 have no log-odds; they are moved by this much."""


class CalibrationMethod(StrEnum):
    """How scores are mapped."""

    TEMPERATURE = "temperature"
    """Logits of the classes divided by one number; steps only."""
    PLATT = "platt"
    """sigmoid(slope * log-odds of the score + intercept)."""
    ISOTONIC = "isotonic"
    """The non-decreasing function with the least squared error, linear between its knots."""


_PARAMETERS = {
    CalibrationMethod.TEMPERATURE: {"temperature"},
    CalibrationMethod.PLATT: {"slope", "intercept"},
    CalibrationMethod.ISOTONIC: {"scores", "values"},
}


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A fitted calibration, as stored in `prmkit.json`."""

    method: CalibrationMethod
    """How."""
    parameters: dict[str, Any]
    """temperature; slope and intercept; or the knots `scores` and their `values`, both ascending."""
    fitted: dict[str, Any] = field(default_factory=dict)
    """On what: counts, the kind of outcomes, a digest of the data."""

    def __post_init__(self) -> None:
        if set(self.parameters) != _PARAMETERS[self.method]:
            needed = ", ".join(sorted(_PARAMETERS[self.method]))
            raise InputError(f"a {self.method} calibration needs {needed}, got {', '.join(self.parameters) or 'none'}")
        arrays = [np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in self.parameters.values()]
        if len({len(each) for each in arrays}) > 1 or not all(each.size and np.isfinite(each).all() for each in arrays):
            raise InputError(f"a {self.method} calibration cannot use the parameters {self.parameters}")
        if self.method is CalibrationMethod.ISOTONIC:
            if not all(0 <= each.min() <= each.max() <= 1 for each in arrays):
                raise InputError(f"a {self.method} calibration cannot use the parameters {self.parameters}")
            falling = any((np.diff(each) < 0).any() for each in arrays)
        else:
            falling = any(self.parameters.get(name, 1.0) <= 0 for name in ("temperature", "slope"))
        if falling:
            raise InputError(f"a {self.method} calibration must not turn the order of scores round: {self.parameters}")

    @property
    def temperature(self) -> float:
        """What logits are divided by: 1 unless the method is temperature."""
        return float(self.parameters["temperature"]) if self.method is CalibrationMethod.TEMPERATURE else 1.0

    def apply(self, scores: Floats) -> Floats:
        """Calibrated scores, float64 `[N]` in [0, 1], from scores in [0, 1]; a temperature leaves them as they are."""
        match self.method:
            case CalibrationMethod.TEMPERATURE:
                return scores
            case CalibrationMethod.PLATT:
                from scipy.special import expit

                return np.asarray(expit(self.parameters["slope"] * _log_odds(scores) + self.parameters["intercept"]))
            case CalibrationMethod.ISOTONIC:
                return np.asarray(np.interp(scores, self.parameters["scores"], self.parameters["values"]))

    def to_json(self) -> dict[str, Any]:
        """As stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Calibration":
        """As read back; raises `KeyError`, `TypeError` or `ValueError` where it is something else."""
        return cls(
            method=CalibrationMethod(stored["method"]),
            parameters=dict(stored["parameters"]),
            fitted=dict(stored.get("fitted", {})),
        )


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and spread of a model's solution rewards on fixed solutions: (reward - mean) / std suits RL."""

    mean: float
    """Of the rewards."""
    std: float
    """Of the rewards; positive."""
    solutions: int
    """How many were scored; at least 2."""

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.std]).all() and self.std > 0 and self.solutions > 1):
            raise InputError(f"rewards cannot be normalised by {self}; do all solutions get the same reward?")

    @classmethod
    def of(cls, rewards: Floats) -> "Normalisation":
        """Measured on rewards `[N]`; errors as of the constructor."""
        spread = float(np.std(rewards)) if len(rewards) else 0.0
        return cls(mean=float(np.mean(rewards)) if len(rewards) else 0.0, std=spread, solutions=len(rewards))

    def apply(self, rewards: Floats) -> Floats:
        """Rewards in units of the spread, 0 at the mean."""
        return (rewards - self.mean) / self.std


def fit_temperature(logits_NC: Floats, targets_NC: Floats) -> Calibration:
    """The temperature with the lowest cross-entropy.

    Args:
        logits_NC: `[N, 3]` of classes, or `[N, 1]` read through a sigmoid.
        targets_NC: `[N, 3]`, each row a distribution over the classes; or `[N, 1]`, outcomes in [0, 1].

    Raises:
        ShapeError: The two differ in shape or are empty.
        InputError: No temperature in `TEMPERATURES` is best: the targets are all alike, or the logits say nothing.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, log_softmax

    if logits_NC.shape != targets_NC.shape or logits_NC.ndim != 2 or not len(logits_NC):
        raise ShapeError(f"logits {logits_NC.shape} and targets {targets_NC.shape} must have one shape [N, C]")

    def loss(log_temperature: float) -> float:
        scaled_NC = logits_NC / np.exp(log_temperature)
        if logits_NC.shape[1] == 1:
            gains_NC = targets_NC * log_expit(scaled_NC) + (1 - targets_NC) * log_expit(-scaled_NC)
        else:
            gains_NC = targets_NC * log_softmax(scaled_NC, axis=1)
        return -float(gains_NC.sum(axis=1).mean())

    low, high = np.log(TEMPERATURES)
    found = float(minimize_scalar(loss, bounds=(low, high), method="bounded").x)
    if min(found - low, high - found) < 1e-2:
        raise InputError(
            f"no temperature between {TEMPERATURES[0]:g} and {TEMPERATURES[1]:g} is best: are the labels all alike, or "
            "does the model tell them no better than chance?"
        )
    return Calibration(method=CalibrationMethod.TEMPERATURE, parameters={"temperature": float(np.exp(found))})


def fit_scores(method: CalibrationMethod, scores: Floats, outcomes: Floats) -> Calibration:
    """Platt scaling by maximum likelihood, or isotonic regression.

    Args:
        method: `platt` or `isotonic`.
        scores: `[N]`, in [0, 1].
        outcomes: `[N]`, in [0, 1]; a share r counts as r draws of 1 and 1 - r of 0.

    Raises:
        ShapeError: The two differ in length or are empty.
        InputError: All outcomes are 0, or all are 1; scores fall where outcomes rise; or the method is temperature.
    """
    if scores.ndim != 1 or scores.shape != outcomes.shape or not len(scores):
        raise ShapeError(f"need as many scores as outcomes, at least one; got {scores.shape} and {outcomes.shape}")
    if outcomes.min() == outcomes.max() and outcomes[0] in (0, 1):
        raise InputError(f"nothing to fit: all {len(outcomes)} outcomes are {outcomes[0]:g}; take more solutions")
    match method:
        case CalibrationMethod.PLATT:
            return Calibration(method=method, parameters=_platt(scores, outcomes))
        case CalibrationMethod.ISOTONIC:
            return Calibration(method=method, parameters=_isotonic(scores, outcomes))
    raise InputError("a temperature divides logits, which a score of a solution does not have; use platt or isotonic")


def _platt(scores: Floats, outcomes: Floats) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression

    column = _log_odds(scores)[:, None]
    weights = np.concatenate([outcomes, 1 - outcomes])
    kept = weights > 0
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(
        np.concatenate([column, column])[kept],
        np.concatenate([np.ones(len(scores)), np.zeros(len(scores))])[kept],
        sample_weight=weights[kept],
    )
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        raise InputError("scores fall where outcomes rise: the model tells right from wrong no better than chance")
    return {"slope": slope, "intercept": float(model.intercept_[0])}


def _isotonic(scores: Floats, outcomes: Floats) -> dict[str, list[float]]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip").fit(scores, outcomes)
    return {"scores": model.X_thresholds_.tolist(), "values": model.y_thresholds_.tolist()}


def _log_odds(scores: Floats) -> Floats:
    clipped = np.clip(np.asarray(scores, dtype=np.float64), _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
