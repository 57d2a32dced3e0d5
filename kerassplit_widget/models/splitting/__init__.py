"""Cutting a model into parts, taking sub-models out of it, and putting parts together again.

`building` repeats calls on twins of the layers; `parts`, `extracting` and `joining` say which calls; `manifest` keeps a
split in a folder. Keras's own ``keras.Model(intermediate, output)`` is not used: it writes nodes on the user's layers
for ever, can make the original unsaveable, and refuses shared layers on both sides of the cut.
"""

from kerassplit_widget.models.splitting.extracting import extract, flatten
from kerassplit_widget.models.splitting.parts import Split, split

__all__ = ["Split", "extract", "flatten", "split"]
