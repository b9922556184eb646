"""Reward models: PRM and ORM scorers behind one Protocol, and step aggregation."""

from prmkit.rewards.base import Aggregation, RewardModel, aggregate

__all__ = ["Aggregation", "RewardModel", "aggregate"]
