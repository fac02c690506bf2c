"""Several agents, one answer: methods that exchange boundary values only."""

from ambigrid.coordination.agents import Agent, Coupling

__all__ = ["Agent", "Coupling"]
