"""Planning the cuts of a Keras model: the face of `structure.planning`."""

from kerassplit_widget.models.planning.planner import Planner, plan, plan_reading
from kerassplit_widget.models.planning.plans import Plan, Stage
from kerassplit_widget.models.planning.questions import Question

__all__ = ["Plan", "Planner", "Question", "Stage", "plan", "plan_reading"]
