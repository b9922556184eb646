"""Synthetic reward models with known expected best-of-n curves.

A problem's chance theta of a right solution has the density 2 (1 - theta). A model scores right solutions by
N(`right`, 1) and wrong ones by N(0, `spread`^2). The expected curve is a double integral over theta and the best score,
and knows nothing of pools, subsets or estimators.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm


@dataclass(frozen=True)
class Model:
    right: float
    spread: float = 1.0

    def scores(self, correct, noise):
        return np.where(correct, self.right + noise, self.spread * noise)

    def solves(self, n):
        """Chance that the best-scored of n new solutions of a new problem is right."""
        nodes, weights = np.polynomial.legendre.leggauss(40)
        theta = (nodes[:, None] + 1) / 2
        score = np.linspace(-15, 15, 6001)
        right, wrong = norm(self.right, 1), norm(0, self.spread)
        below = theta * right.cdf(score) + (1 - theta) * wrong.cdf(score)
        chances = np.trapezoid(n * theta * right.pdf(score) * below ** (n - 1), score, axis=1)
        return float(weights / 2 @ (2 * (1 - theta[:, 0]) * chances))


def draw_pools(rng, problems, size, *models):
    """`correct` `[P, N]` and the scores of each model `[P, N]`, whose noise is alike in part."""
    theta = 1 - np.sqrt(rng.random((problems, 1)))
    correct = rng.random((problems, size)) < theta
    common = rng.normal(size=correct.shape)
    noises = [0.6 * common + 0.8 * rng.normal(size=correct.shape) for _ in models]
    return correct, [model.scores(correct, noise) for model, noise in zip(models, noises, strict=True)]
