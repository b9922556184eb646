"""Completers continue a text: vLLM, transformers, or a simulated solver with exactly known step values."""

from prmkit.completers.base import Completer, Completion, Request, Sampling, draw_seed

__all__ = ["Completer", "Completion", "Request", "Sampling", "draw_seed"]
