"""Counting parameters, bytes, multiply-adds and floating-point operations of every call of a model."""

from kerassplit_widget.models.counting.costs import costs, count_reading

__all__ = ["costs", "count_reading"]
