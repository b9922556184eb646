"""Training reward models: labelled solutions in, a checkpoint that transformers loads out (`prmkit.training.train`)."""
