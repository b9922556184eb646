"""Evaluation: numbers with intervals, from arrays; no model, file or text is touched here.

`best_of_n` holds the exact estimators, `intervals` the bootstrap, `comparison` puts them together for one pool of
solutions, `label_quality` and `step_quality` compare labels and scores with a judge that knows the truth.
"""
