"""Planning the cuts of a Keras model: the face of `structure.planning`.

What a plan is stands here; `planner` makes it, and is not loaded by those who only take one, as `split` does.
"""

from kerassplit_widget.models.planning.plans import Plan, Stage

__all__ = ["Plan", "Stage"]
