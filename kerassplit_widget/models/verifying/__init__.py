"""Proof: run the model and its parts on the same inputs and compare."""

from kerassplit_widget.models.verifying.classes import own_classes
from kerassplit_widget.models.verifying.inputs import length_of, random_inputs
from kerassplit_widget.models.verifying.proofs import Check, Verification
from kerassplit_widget.models.verifying.proving import Progress, verify
from kerassplit_widget.models.verifying.states import Apart

__all__ = ["Apart", "Check", "Progress", "Verification", "length_of", "own_classes", "random_inputs", "verify"]
