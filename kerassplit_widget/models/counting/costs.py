"""`costs`: the table of what each call of a model costs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from kerassplit_widget.errors import first_line
from kerassplit_widget.models.counting.counter import Counter
from kerassplit_widget.models.counting.shapes import Shapes
from kerassplit_widget.models.counting.work import Unknown
from kerassplit_widget.models.inputs import Shapes as InputShapes
from kerassplit_widget.models.keras_internals import counting as details
from kerassplit_widget.models.reading import Expand, Reading, read_steps
from kerassplit_widget.structure.arguments import whole_number
from kerassplit_widget.structure.costs import CallCosts, CostTable
from kerassplit_widget.structure.graph import Tensor

__all__ = ["costs", "count_reading", "counted_batch"]


def costs(
    model: Any, batch_size: int = 1, input_shapes: InputShapes | None = None, *, expand: Expand = "nested"
) -> CostTable:
    """Count what each call of a model costs, without running it.

    Parameters
    ----------
    model : keras.Model
    batch_size : int
        Stands in for the batch dimension of the inputs. One that is fixed is kept: where it is that of all inputs, the
        table says so, in ``.batch_size`` too.
    input_shapes : tuple, or dict of str to tuple, optional
        Fixes unknown dimensions of the inputs, with or without batch, as for `read`. What depends on those that are
        left open is unknown.
    expand : str or list of str
        Which groups have a row for each call inside, as for `read`. One that has not is counted from inside too.

    Returns
    -------
    CostTable
        A row for each call of ``read(model)``, in its order: ``.name``, ``.kind``, ``.layer``, ``.params``,
        ``.param_bytes``, ``.output_bytes``, ``.macs``, ``.flops``; None is unknown, with the reason in ``.why``.

    Raises
    ------
    ModelError
        If it is not a Keras model, or its graph is not known.
    SplitError
        If another argument makes no sense.

    Notes
    -----
    *Parameters* are the variables in ``layer.weights``, trainable or not, as in ``model.count_params()``. Parameters
    that several calls share are counted at the first; ``.tied_to`` of the others names it. Their bytes follow the
    dtypes of the variables, not of the computation.

    A *MAC* is one multiplication whose product is added to a sum: of convolutions, matrix products, attention. Padding
    counts as if it were data, a transposed convolution as input elements times kernel elements.

    *FLOPs* are two for each MAC, and one for each other addition, subtraction, multiplication, division, power,
    minimum, maximum, comparison, logarithm, negation and reciprocal; two for a reciprocal square root; five for each
    element of a softmax; the size of its window for each output of a pooling; two for each index looked up.
    This is the convention of TensorFlow's profiler (``tf.compat.v1.profiler``, registered in
    ``tensorflow/python/profiler/internal/flops_registry.py`` and ``ops/nn_ops.py``), for inference. Where the profiler
    knows nothing of an op, it is counted by analogy (maxima like sums, 3-D like 2-D). Unlike the profiler's, every
    step of an RNN counts.

    *Left out* (0) are other functions of one number (ReLU, sigmoid, tanh, exp, erf, sqrt, abs, rounding), logic, casts,
    moves, the comparisons of sorting and searching, and the arithmetic of shapes. Layers for training (dropout, noise,
    augmentation) do nothing.

    Layers without a formula are counted by running their ``call`` on symbolic tensors. Where that fails (raw calls of
    another library, loops over values), the work is unknown.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> x = keras.Input((4,), name="x")
    >>> table = ks.costs(keras.Model(x, keras.layers.Dense(3, name="d")(x)), batch_size=2)
    >>> table["d"].params, table["d"].param_bytes, table["d"].output_bytes, table["d"].macs, table["d"].flops
    (15, 60, 24, 24, 54)
    """
    batch_size = whole_number("batch_size", batch_size)
    return count_reading(read_steps(model, expand=expand, input_shapes=input_shapes), batch_size)


def count_reading(reading: Reading, batch_size: int = 1) -> CostTable:
    """Count the costs of a model that was read, as `costs`.

    Parameters
    ----------
    reading : Reading
    batch_size : int

    Returns
    -------
    CostTable
        Its rows are those of ``reading.graph.calls``.
    """
    shapes, counter = Shapes(reading, batch_size), Counter()
    owners: dict[int, str] = {}
    rows = []
    for step in reading.steps:
        call, operation = step.call, step.node.operation
        params, param_bytes, tied_to = _params(call.name, operation, owners)
        macs: int | None = None
        flops: int | None = None
        why = ""
        fixed = shapes.step(step)
        if isinstance(fixed, str):
            why = fixed
        else:
            try:
                work = counter.call(operation, *fixed)
                macs, flops = work.macs, work.flops
            except Unknown as reason:
                why = str(reason)
            except Exception as error:  # a formula that does not fit another release of Keras costs one row only
                why = f"it could not be counted: {first_line(error)}"
        if call.is_input:
            macs = flops = 0
        output_bytes = _output_bytes(call.outputs, shapes)
        rows.append(
            CallCosts(
                call.name,
                call.kind,
                call.layer,
                params,
                param_bytes,
                output_bytes,
                macs,
                flops,
                tied_to,
                why,
            )
        )
    return CostTable(reading.graph.name, tuple(rows), counted_batch(reading, batch_size))


def counted_batch(reading: Reading, batch_size: int) -> int:
    """Return for how many examples a model is counted: as many as were asked for, or as the model takes.

    Parameters
    ----------
    reading : Reading
    batch_size : int
        What was asked for.

    Returns
    -------
    int
        That of the first input where the batch dimensions of all inputs are fixed.
    """
    first = [tensor.shape[0] for tensor in reading.function.inputs if len(tensor.shape)]
    return batch_size if None in first or not first else int(first[0])


def _params(name: str, operation: Any, owners: dict[int, str]) -> tuple[int, int | None, str | None]:
    """Count the parameters, and their bytes, that no earlier call has; and name the first of the calls that has one."""
    count, nbytes, tied_to = 0, 0, None
    known = True
    for key, shape, dtype in details.weight_sizes(operation):
        owner = owners.setdefault(key, name)
        if owner != name:
            tied_to = tied_to or owner
            continue
        size = math.prod(shape)
        count += size
        weight = Tensor(name, name, 0, (size,), dtype).nbytes()
        known = known and weight is not None
        nbytes += weight or 0
    return count, nbytes if known else None, tied_to


def _output_bytes(outputs: tuple[Tensor, ...], shapes: Shapes) -> int | None:
    sizes = [
        replace(tensor, shape=tuple(shapes.known[tensor.name].shape)).nbytes() if tensor.name in shapes.known else None
        for tensor in outputs
    ]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
