"""`prmkit evaluate`: what a reward model gets right, by step, and where it is weak."""

from typing import Annotated

import tyro

from prmkit.cli.evaluate_preference import EvaluatePreference
from prmkit.cli.evaluate_prmbench import EvaluatePRMBench
from prmkit.cli.evaluate_processbench import EvaluateProcessBench
from prmkit.cli.evaluate_steps import EvaluateSteps
from prmkit.cli.evaluate_stress import EvaluateStress

Evaluate = (
    Annotated[EvaluateProcessBench, tyro.conf.subcommand("processbench", prefix_name=False)]
    | Annotated[EvaluatePRMBench, tyro.conf.subcommand("prmbench", prefix_name=False)]
    | Annotated[EvaluateSteps, tyro.conf.subcommand("steps", prefix_name=False)]
    | Annotated[EvaluateStress, tyro.conf.subcommand("stress", prefix_name=False)]
    | Annotated[EvaluatePreference, tyro.conf.subcommand("preference", prefix_name=False)]
)
"""`prmkit evaluate processbench`, `prmbench`, `steps`, `stress` and `preference`."""
