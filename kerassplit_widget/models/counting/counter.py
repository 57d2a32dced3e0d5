"""Counting the work of a call: by a rule or a formula where there is one, otherwise by what it calls inside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from kerassplit_widget.errors import first_line
from kerassplit_widget.models.counting.layers import FREE_LAYERS, LAYERS, UNKNOWN_LAYERS
from kerassplit_widget.models.counting.opening import run_inside, run_symbolically
from kerassplit_widget.models.counting.ops import OPS
from kerassplit_widget.models.counting.rules import RULES, UNKNOWN_OPS
from kerassplit_widget.models.counting.work import Count, Site, Unknown, Work, size_of
from kerassplit_widget.models.keras_internals import counting as details

__all__ = ["Counter"]


class Counter:
    """Counts calls whose shapes are known. It keeps what it found out about activations, and nothing else."""

    def __init__(self) -> None:
        self._functions: dict[tuple[int, Any, str], tuple[Any, Work]] = {}

    def call(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Iterable[Any]) -> Work:
        """Count the work of a call.

        Parameters
        ----------
        operation : keras.Operation
        args : tuple
        kwargs : dict of str to value
            With a `keras.KerasTensor` of known shape for each tensor.
        outputs : iterable of keras.KerasTensor
            What it makes, flat, of known shapes.

        Returns
        -------
        Work

        Raises
        ------
        Unknown
            If that cannot be known; says why.
        """
        site = Site(operation, args, kwargs, list(outputs), self)
        op = details.own_op(operation)
        if op is not None:
            return _count_op(op, site)
        if not isinstance(operation, keras.layers.Layer):
            raise Unknown(f"the op {type(operation).__name__} is not one of Keras's own")
        return self._count_layer(site)

    def layer(self, layer: Any, *args: Any) -> Work:
        """Count the work of a layer on symbolic tensors of known shapes."""
        if _formula(type(layer)) is None:
            return self.inside(layer, args, {})[0]
        try:
            outputs = keras.tree.flatten(layer.compute_output_spec(*args))
        except Exception as error:
            raise Unknown(f"the shape of what it makes cannot be worked out: {first_line(error)}") from None
        return self.call(layer, args, {}, outputs)

    def function(self, function: Any, tensor: Any) -> Work:
        """Count the work of an activation, None being none, on a tensor like this."""
        if function is None or function is keras.activations.linear:
            return Work()
        key = (id(function), tensor.shape, tensor.dtype)
        if key not in self._functions:
            fed = details.fixed_tensor(tensor, tensor.shape)
            try:
                work = self._between([fed], run_symbolically(lambda: function(fed)))
            except Unknown:
                work = _by_name(function, fed)
            self._functions[key] = (function, work)  # the function is kept, so that its id stays its own
        return self._functions[key][1]

    def inside(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Work, list[Any]]:
        """Count what a layer calls inside.

        Parameters
        ----------
        layer : keras.layers.Layer
        args, kwargs
            With a `keras.KerasTensor` of known shape for each tensor.

        Returns
        -------
        Work
        list of keras.KerasTensor
            What it makes, flat.

        Raises
        ------
        Unknown
            If it cannot be run on symbolic tensors, or something inside is unknown.
        """
        fed: dict[int, Any] = {}

        def fill(value: Any) -> Any:
            if not isinstance(value, keras.KerasTensor):
                return value
            return fed.setdefault(id(value), details.fixed_tensor(value, value.shape))

        args, kwargs = keras.tree.map_structure(fill, (args, kwargs))
        made = run_inside(layer, args, kwargs, lambda cls: _formula(cls) is not None)
        return self._between(list(fed.values()), made), made

    def _count_layer(self, site: Site) -> Work:
        cls = type(site.operation)
        formula = _formula(cls)
        if formula is not None:
            return formula(site)
        try:
            return self.inside(site.operation, site.args, site.kwargs)[0]
        except Unknown:
            # A subclass that does not change what the layer does, only how it is built.
            for base in cls.__mro__[1:]:
                formula = _formula(base) if getattr(base, "call", None) is cls.call else None
                if formula is not None:
                    return formula(site)
            raise

    def _between(self, inputs: list[Any], outputs: list[Any]) -> Work:
        work = Work()
        for node in details.nodes_between(inputs, outputs):
            arguments = node.arguments
            try:
                work += self.call(node.operation, tuple(arguments.args), dict(arguments.kwargs), node.outputs)
            except Unknown as reason:
                raise Unknown(f"inside, {type(node.operation).__name__}: {reason}") from None
        return work


def _count_op(name: str, site: Site) -> Work:
    rule = RULES.get(name)
    if rule is not None:
        fed, made = rule
        return Work(other=max(0, (fed and fed * site.elements) + (made and made * site.out)))
    if name in UNKNOWN_OPS:
        raise Unknown(UNKNOWN_OPS[name])
    if name not in OPS:
        raise Unknown(f"the op {name} is not known; it may be newer than this package")
    return OPS[name](site)


def _by_name(function: Any, tensor: Any) -> Work:
    """Count one of Keras's activations that has an op but does not take symbolic tensors itself, such as ``mish``."""
    name = str(getattr(function, "__name__", function))
    rule = RULES.get("".join(word.capitalize() for word in name.split("_")))
    if rule is None or getattr(keras.activations, name, None) is not function:
        raise Unknown(f"the activation {name!r} cannot be run on symbolic tensors")
    return Work(other=sum(rule) * size_of(tensor))


def _free(site: Site) -> Work:
    return Work()


def _formula(cls: type) -> Count | None:
    """Return what counts a built-in layer, or None for one that is to be counted from inside."""
    name = cls.__name__
    if getattr(keras.layers, name, None) is not cls:
        return None
    if name in FREE_LAYERS:
        return _free
    if name in UNKNOWN_LAYERS:
        return _refuse
    return LAYERS.get(name)


def _refuse(site: Site) -> Work:
    raise Unknown(UNKNOWN_LAYERS[type(site.operation).__name__])
