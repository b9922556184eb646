"""Search over reasoning steps, guided by a reward model: a file per method, and what they share in `search.tree`."""
