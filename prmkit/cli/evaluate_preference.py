"""`prmkit evaluate preference`: does a reward model prefer what people prefer?"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.cli.evaluate_options import EvaluateOptions
from prmkit.cli.options import progress, say
from prmkit.errors import InputError

if TYPE_CHECKING:
    from prmkit.evaluation.preference import ScoredPreference
    from prmkit.formats.preferences import Preference, Rating
    from prmkit.rewards.base import RewardModel

SAMPLES_FILE = "samples.jsonl"


@dataclass(frozen=True, kw_only=True)
class EvaluatePreference(EvaluateOptions):
    """Pairwise accuracy, margins, the pull of length and calibration on preferences; rank correlation on ratings."""

    data: Path
    """JSONL, JSON or Parquet with chosen and rejected, responses and ranks, or response and rating."""
    similar: float = 0.2
    """Lengths that differ by at most this share of the longer one count as similar."""
    bins: int = 10
    """Bins of the calibration error."""
    samples: int = 20
    """Pairs in OUT/samples.jsonl of each kind: the worst mistakes, and the nearest ties."""

    def run(self) -> None:
        """Do it."""
        from prmkit.formats.preferences import holds_ratings, read_preferences, read_ratings

        if self.samples < 0 or self.bins < 1:
            raise InputError(f"--samples must be at least 0 and --bins at least 1, got {self.samples} and {self.bins}")
        if holds_ratings(self.data):
            self._ratings(read_ratings(self.data))
        else:
            self._preferences(read_preferences(self.data))

    def _preferences(self, preferences: "Sequence[Preference]") -> None:
        from prmkit.evaluation.preference import preference_quality, preference_samples
        from prmkit.evaluation.preference_data import check_preferences
        from prmkit.report.preference import preference_tables

        check = check_preferences(preferences)
        model = self._open(preferences)
        scored, notes = self._score_preferences(model, check.kept)
        quality = preference_quality(scored, similar=self.similar, bins=self.bins, seed=self.seed)
        rows: list[dict[str, Any]] = [
            {
                "where": each.preference.where,
                "prompt": each.preference.prompt,
                "responses": list(each.preference.responses),
                "ranks": list(each.preference.ranks),
                "rewards": list(each.rewards),
                "domain": each.preference.domain,
            }
            for each in scored
        ]
        self._write_samples(preference_samples(quality.pairs, self.samples))
        self.finish(
            "preference",
            preference_tables(quality, self.similar),
            rows,
            [*_dropped(check.dropped), *notes, *self.trained_on(each["prompt"] for each in rows)],
            pairs=len(quality.pairs),
            ties=quality.ties,
            histogram=[{"low": low, "high": high, "count": count} for low, high, count in quality.histogram],
        )

    def _score_preferences(
        self, model: "RewardModel", preferences: "Sequence[Preference]"
    ) -> "tuple[list[ScoredPreference], list[str]]":
        from prmkit.evaluation.preference import ScoredPreference

        texts = [(each.prompt, response) for each in preferences for response in each.responses]
        rewards = iter(self._rewards(model, texts))
        scored, left_out = [], 0
        for each in preferences:
            found = [next(rewards) for _ in each.responses]
            known = [reward for reward in found if reward is not None]
            if len(known) == len(found):
                scored.append(ScoredPreference(each, tuple(known)))
            left_out += len(known) < len(found)
        return scored, _left_out(left_out, len(preferences))

    def _ratings(self, ratings: "Sequence[Rating]") -> None:
        from prmkit.evaluation.preference_data import check_ratings
        from prmkit.evaluation.rating import ScoredRating, rating_quality, rating_samples
        from prmkit.report.preference import rating_tables

        check = check_ratings(ratings)
        model = self._open(ratings)
        rewards = self._rewards(model, [(each.prompt, each.response) for each in check.kept])
        scored = [
            ScoredRating(each, reward) for each, reward in zip(check.kept, rewards, strict=True) if reward is not None
        ]
        quality = rating_quality(scored, seed=self.seed)
        rows = [asdict(each.rating) | {"reward": each.reward} for each in scored]
        self._write_samples(rating_samples(scored, self.samples))
        notes = _left_out(len(rewards) - len(scored), len(rewards))
        self.finish(
            "preference",
            rating_tables(quality),
            rows,
            [*_dropped(check.dropped), *notes, *self.trained_on(each.rating.prompt for each in scored)],
        )

    def _open(self, data: "Iterable[Preference | Rating]") -> "RewardModel":
        """The model, and OUT taken for this evaluation."""
        model = self.load()
        rows = ((str(number), asdict(each) | {"where": None}) for number, each in enumerate(data))
        self.begin("preference", rows, similar=self.similar, bins=self.bins, samples=self.samples)
        return model

    def _rewards(self, model: "RewardModel", texts: Sequence[tuple[str, str]]) -> list[float | None]:
        """Rewards in logits of many responses; None where one does not fit the model's context."""
        from prmkit.evaluation.scoring import response_rewards

        with progress("scoring", len(texts)) as advance:
            return response_rewards(model, texts, advance)

    def _write_samples(self, samples: Sequence[dict[str, Any]]) -> None:
        from prmkit.files import write_text

        file = self.out / SAMPLES_FILE
        write_text(file, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in samples))
        say(f"{len(samples)} samples to read in {file}")


def _left_out(count: int, total: int) -> list[str]:
    return [f"{count} of {total} rows have a response that does not fit the model's context."] if count else []


def _dropped(dropped: "dict[str, list[str]]") -> Iterator[str]:
    for reason, places in dropped.items():
        if places:
            yield f"Dropped, {reason}: {len(places)} rows."
