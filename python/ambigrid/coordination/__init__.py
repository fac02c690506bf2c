"""Several agents, one answer: methods that exchange boundary values only."""

from ambigrid.coordination.admm import ADMM
from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.coordination.centralized import Centralized
from ambigrid.coordination.cut_sharing import CutSharing
from ambigrid.coordination.messages import WHITELIST, MessageLog
from ambigrid.coordination.method import Agreement, Method, Run
from ambigrid.coordination.problem import Team

__all__ = [
    "ADMM",
    "WHITELIST",
    "Agent",
    "Agreement",
    "Centralized",
    "Coupling",
    "CutSharing",
    "MessageLog",
    "Method",
    "Run",
    "Team",
]
