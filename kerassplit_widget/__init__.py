"""See the layer graph of a Keras model, cut it anywhere, get working sub-models that are proved right.

Keras and everything built on it is imported when a name is first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerassplit_widget.display.figures import plot as plot
    from kerassplit_widget.display.figures import plot_landscape as plot_landscape
    from kerassplit_widget.display.figures import plot_stages as plot_stages
    from kerassplit_widget.display.widget import SplitWidget as SplitWidget
    from kerassplit_widget.errors import SplitError as SplitError
    from kerassplit_widget.models.counting import costs as costs
    from kerassplit_widget.models.cutting import cheapest_cuts as cheapest_cuts
    from kerassplit_widget.models.cutting import cut_at as cut_at
    from kerassplit_widget.models.cutting import cut_candidates as cut_candidates
    from kerassplit_widget.models.cutting import why_not as why_not
    from kerassplit_widget.models.measuring import Measurement as Measurement
    from kerassplit_widget.models.measuring import measure as measure
    from kerassplit_widget.models.pipeline import RayPipeline as RayPipeline
    from kerassplit_widget.models.planning import Plan as Plan
    from kerassplit_widget.models.planning.planner import plan as plan
    from kerassplit_widget.models.reading import read as read
    from kerassplit_widget.models.splitting import Split as Split
    from kerassplit_widget.models.splitting import extract as extract
    from kerassplit_widget.models.splitting import flatten as flatten
    from kerassplit_widget.models.splitting import split as split
    from kerassplit_widget.models.verifying import Verification as Verification
    from kerassplit_widget.structure.costs import CostTable as CostTable
    from kerassplit_widget.structure.cuts import Cut as Cut
    from kerassplit_widget.structure.graph import LayerGraph as LayerGraph
    from kerassplit_widget.structure.planning import GraphPlan as GraphPlan
    from kerassplit_widget.structure.planning import plan_graph as plan_graph

__version__ = "0.1.0.dev0"

_HOME = {
    "CostTable": "structure.costs",
    "Cut": "structure.cuts",
    "GraphPlan": "structure.planning",
    "LayerGraph": "structure.graph",
    "Measurement": "models.measuring",
    "Plan": "models.planning",
    "RayPipeline": "models.pipeline",
    "Split": "models.splitting",
    "SplitError": "errors",
    "SplitWidget": "display.widget",
    "Verification": "models.verifying",
    "cheapest_cuts": "models.cutting",
    "costs": "models.counting",
    "cut_at": "models.cutting",
    "extract": "models.splitting",
    "flatten": "models.splitting",
    "cut_candidates": "models.cutting",
    "measure": "models.measuring",
    "plan": "models.planning.planner",
    "plan_graph": "structure.planning",
    "plot": "display.figures",
    "plot_landscape": "display.figures",
    "plot_stages": "display.figures",
    "read": "models.reading",
    "split": "models.splitting",
    "why_not": "models.cutting",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
