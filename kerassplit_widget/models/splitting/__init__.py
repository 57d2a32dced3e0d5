"""Cutting a model into parts, taking sub-models out of it, and putting parts together again.

`building` repeats calls on twins of the layers; `dividing`, `extracting` and `joining` say which calls; `parts` holds
what a split can do, and `folders` keeps it. Keras's own ``keras.Model(intermediate, output)`` is not used: it writes
nodes on the user's layers for ever, can make the original unsaveable, and refuses shared layers on both sides of the
cut.
"""

from kerassplit_widget.models.splitting.dividing import split
from kerassplit_widget.models.splitting.extracting import extract, flatten
from kerassplit_widget.models.splitting.parts import Split

__all__ = ["Split", "extract", "flatten", "split"]
