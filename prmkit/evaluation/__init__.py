"""Evaluation: numbers with intervals; no model is touched here.

`best_of_n` holds the exact estimators, `intervals` the bootstrap, and `comparison` puts them together for one pool of
solutions, whose arrays `pools` and `runs` make from solutions, scores and run directories. `label_quality` and
`step_quality` compare labels and scores with a judge that knows the truth.
"""
