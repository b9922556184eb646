"""`prmkit score`: step scores of solutions by a trained reward model."""

from dataclasses import dataclass
from pathlib import Path

from prmkit.cli.options import say


@dataclass(frozen=True, kw_only=True)
class Score:
    """Score every step of solutions with a PRM or ORM."""

    model: Path
    """Folder written by `prmkit train`."""
    solutions: Path
    """Run directory of `prmkit sample` or `prmkit label`, or a Parquet or JSONL file of their columns."""
    out: Path
    """Run directory; the scores go to OUT/shards/scores.parquet."""
    device: str | None = None
    """cpu, cuda, ...; by default CUDA where there is one."""

    def run(self) -> None:
        """Do it."""
        from rich.progress import Progress

        from labelers.ledger import Ledger
        from prmkit.errors import InputError
        from prmkit.files import fingerprint
        from prmkit.models import model_fingerprint
        from prmkit.records import SCORE_SCHEMA, ScoredSolution
        from prmkit.rewards.base import aggregate
        from prmkit.rewards.scorer import load_reward_model
        from prmkit.tables import read_solutions, score_row, solution_row, write_rows

        solutions = read_solutions(self.solutions)
        if not solutions:
            raise InputError(f"{self.solutions}: no solutions in it")
        model = load_reward_model(self.model, self.device)
        Ledger(
            self.out,
            {
                "command": "score",
                "model": model_fingerprint(str(self.model)),
                "solutions": fingerprint([solution_row(each) for each in solutions]),
            },
        )
        scored: list[ScoredSolution] = []
        with Progress(transient=True) as bar:
            task = bar.add_task("scoring", total=len(solutions))
            for start in range(0, len(solutions), CHUNK):
                part = solutions[start : start + CHUNK]
                for solution, scores in zip(
                    part, model.score_steps([(each.problem.problem, each.steps) for each in part]), strict=True
                ):
                    score = aggregate(scores, model.aggregation)
                    scored.append(ScoredSolution(solution=solution, step_scores=tuple(scores), score=score))
                bar.advance(task, len(part))
        write_rows(self.out / "shards" / "scores.parquet", [score_row(each) for each in scored], SCORE_SCHEMA)
        mean = sum(each.score for each in scored) / len(scored)
        say(f"{len(scored)} solutions scored in {self.out}: mean score {mean:.3f} ({model.aggregation} of the steps)")


CHUNK = 512
"""Solutions scored between two updates of the progress bar."""
