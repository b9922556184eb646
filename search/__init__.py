"""Search over reasoning steps, guided by a reward model: best-of-n and beam search."""
