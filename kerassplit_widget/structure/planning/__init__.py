"""Planning: where to cut, on plain numbers, with a proof."""

from kerassplit_widget.structure.planning.balancing import balance, memory
from kerassplit_widget.structure.planning.evaluation import Loads, Solution, evaluate
from kerassplit_widget.structure.planning.fronts import FrontCut, front
from kerassplit_widget.structure.planning.graphs import GraphPlan, plan_graph
from kerassplit_widget.structure.planning.latency import latency
from kerassplit_widget.structure.planning.problem import Flow, Problem, Raw, Weight

__all__ = [
    "Flow",
    "FrontCut",
    "GraphPlan",
    "Loads",
    "Problem",
    "Raw",
    "Solution",
    "Weight",
    "balance",
    "evaluate",
    "front",
    "latency",
    "memory",
    "plan_graph",
]
