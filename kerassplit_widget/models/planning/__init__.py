"""Planning the cuts of a Keras model: the face of `structure.planning`."""

from kerassplit_widget.models.planning.planner import Planner, Question, plan, plan_reading
from kerassplit_widget.models.planning.plans import Plan, Stage

__all__ = ["Plan", "Planner", "Question", "Stage", "plan", "plan_reading"]
