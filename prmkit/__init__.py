"""Label reasoning steps, train process and outcome reward models, search with them, and compare them honestly."""

__version__ = "0.1.0"
