"""Evaluation: numbers with intervals.

`best_of_n` holds the exact estimators, `intervals` the bootstrap, and `comparison` puts them together for one pool of
solutions, whose arrays `pools` and `runs` make from solutions, scores and run directories. `label_quality` holds labels
against a judge that knows the truth, `step_quality`, `first_error` and `prmbench` step scores; `thresholds` chooses the
threshold they need, `verdicts` finds the judge. `stress` and its `variants` spoil right solutions, `preference` and
`rating` look at whole responses. Models are touched by `scoring` and `stress` only.
"""
