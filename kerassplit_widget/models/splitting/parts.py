"""What `split` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import keras

from kerassplit_widget.errors import ModelError, SplitError
from kerassplit_widget.models import codegen
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.reading import Reading
from kerassplit_widget.models.splitting.folders import (
    load_split,
    save_split,
    split_from_bytes,
    split_to_bytes,
)
from kerassplit_widget.models.splitting.joining import join_parts
from kerassplit_widget.models.splitting.manifest import Manifest
from kerassplit_widget.models.splitting.ties import losses_once, tied_layers
from kerassplit_widget.models.verifying import Progress, Verification, own_classes, verify
from kerassplit_widget.structure.arguments import text_or_none
from kerassplit_widget.structure.text import count_text, listed

__all__ = ["Split"]


class Split:
    """The ordered parts of one model, and how they are wired.

    It behaves as a sequence of its parts and as a function that computes what the model computes. Made by `split`, or
    by `Split.load` from a folder. ``copy.deepcopy`` and pickle give what saving and loading would: parts on weights of
    their own, those tied that were tied, and no model; ``copy.copy`` gives the same parts.

    Attributes
    ----------
    manifest : Manifest
        Cuts, wiring, and the names, shapes and dtypes of what every part takes and returns.
    reading : Reading or None
        The model that was cut, and its graph; None when the split was loaded or copied. The model is never changed.
    before : tuple or None
        Fingerprint of the model, taken before it was cut.

    Examples
    --------
    >>> import keras
    >>> import kerassplit_widget as ks
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    >>> split = ks.split(model, ["a"])
    >>> part_1, part_2 = split
    >>> len(split), split.cuts, part_2.output_shape
    (2, (('a',),), (None, 2))
    >>> bool(keras.ops.all(split(keras.ops.ones((1, 4))) == model(keras.ops.ones((1, 4)))))
    True
    """

    def __init__(
        self,
        manifest: Manifest,
        parts: Sequence[keras.Model],
        reading: Reading | None = None,
        before: internals.Fingerprint | None = None,
    ) -> None:
        self.manifest = manifest
        self._parts = tuple(parts)
        self.reading = reading
        self.before = before

    @property
    def model(self) -> keras.Model:
        """The model that was cut.

        Raises
        ------
        ModelError
            If the split was loaded from a folder, or copied, which keeps the parts only.
        """
        if self.reading is None:
            raise ModelError(
                "This split was loaded from a folder, or copied, and has no model beside its parts; join() makes one."
            )
        return self.reading.model

    @property
    def cuts(self) -> tuple[tuple[str, ...], ...]:
        """The points of each cut, in the order of the parts."""
        return self.manifest.cuts

    @property
    def parts(self) -> tuple[keras.Model, ...]:
        """The parts. Others may be set in their place if they take and return the same.

        Raises
        ------
        SplitError
            If there are too few or too many, or one takes or returns something else.
        """
        return self._parts

    @parts.setter
    def parts(self, parts: Sequence[keras.Model]) -> None:
        self.manifest.check_parts(parts, instead_of=self._parts)
        self._parts = tuple(parts)

    @property
    def tied(self) -> Mapping[str, tuple[int, ...]]:
        """Layers whose weights several parts hold, as the first of them names them, and the parts, counted from 0.

        Their regularisers count in each of these parts' ``losses``; in `losses` they count once.
        """
        return tied_layers(self._parts)

    @property
    def losses(self) -> list[Any]:
        """The losses of the parts beside that of the outputs, as one model has them in ``model.losses``.

        Those that layers have added during the last call, and that of each regularised variable once, however many
        parts hold it. Each part is a model of its own: the sum of all ``part.losses`` counts those in several parts as
        often. Train with ``loss(y, split(x, training=True)) + sum(split.losses)``.
        """
        return losses_once(self._parts)

    def __copy__(self) -> Split:
        return type(self)(self.manifest, self._parts, self.reading, self.before)

    def __reduce__(self) -> tuple[Callable[..., Split], tuple[Any, ...]]:
        return _from_bytes, (type(self), split_to_bytes(self.manifest, self._parts), own_classes(self._parts))

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[keras.Model]:
        return iter(self._parts)

    def __getitem__(self, index: int) -> keras.Model:
        return self._parts[index]

    def __repr__(self) -> str:
        lines = [f"<Split of {self.manifest.model!r} in {len(self)} parts>"]
        for i, (part, wire) in enumerate(zip(self._parts, self.manifest.wires, strict=True), 1):
            lines.append(
                f"  part_{i}: {count_text(part.count_params())} parameters, "
                f"{', '.join(wire.takes)} -> {', '.join(wire.returns)}"
            )
        if self.tied:
            lines.append(f"  tied: {listed(self.tied)}")
        return "\n".join(lines)

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute what ``model(inputs)`` computes, part after part.

        Parameters
        ----------
        inputs : tensor or structure of tensors
            As the model takes them.
        training : bool, optional
            Handed to every part.

        Returns
        -------
        tensor or structure of tensors
            As the model returns them.

        Raises
        ------
        SplitError
            If the inputs have another structure than the model's.
        PartError
            If a part returns another kind of tensor than the next one takes.
        """
        return self.run(inputs, training=training)

    def run(
        self,
        inputs: Any,
        *,
        training: bool | None = None,
        hand_on: Callable[[Any], Any] = internals.as_tensor,
    ) -> Any:
        """Compute as calling does, and tell how tensors are handed on.

        Parameters
        ----------
        inputs : tensor or structure of tensors
            As the model takes them.
        training : bool, optional
            Handed to every part.
        hand_on : callable, optional
            What the inputs, and all tensors that go from one part to another, go through first: a cast, say, or what
            a wire does to them. By default they become tensors.

        Returns
        -------
        tensor or structure of tensors
            As the model returns them.

        Raises
        ------
        SplitError
            If the inputs have another structure than the model's.
        PartError
            If a part returns another kind of tensor than the next one takes.
        """
        manifest = self.manifest
        known = {name: hand_on(value) for name, value in manifest.match_inputs(inputs).items()}
        for i, (part, wire) in enumerate(zip(self._parts, manifest.wires, strict=True)):
            given = manifest.pack_inputs(i, known)
            results = keras.tree.flatten(part(given, training=training))
            last = i == len(self) - 1
            for name, value in () if last else zip(wire.returns, results, strict=True):
                manifest.specs[name].check(name, value)
            known.update(zip(wire.returns, results if last else map(hand_on, results), strict=True))
        return manifest.pack_outputs(known)

    def verify(
        self,
        data: Any = None,
        *,
        rounds: int = 3,
        seed: int = 0,
        save: bool = False,
        progress: Progress | None = None,
    ) -> Verification:
        """Prove that the parts compute what the model computes.

        Parameters
        ----------
        data : tensor or structure of tensors, or iterable of these, optional
            Inputs to compare on, as the model takes them. An iterable that is no tensor, list, tuple or dict (a
            ``tf.data.Dataset``, a `keras.utils.PyDataset`, a loader, a generator) gives them batch by batch; of
            ``(x, y)`` and ``(x, y, weights)`` x is taken, unless the model itself takes so many tensors. By default
            random inputs that fit the model's input specs; where it does not run on them, with smaller whole numbers,
            which the report says.
        rounds : int
            How many random inputs, or how many batches of an iterable at most.
        seed : int
            Of the random inputs.
        save : bool
            Also save the split to a temporary folder, load it, and compare.
        progress : callable, optional
            Called as ``progress(done, total, what)``.

        Returns
        -------
        Verification
            ``.ok``, ``.exact``, ``.max_abs_diff`` and the table ``.checks``.

        Raises
        ------
        ModelError
            If the model itself cannot be run on the inputs, or the split was loaded and has no model.
        SplitError
            If there is nothing to compare on (no round, no batch, no example), or the inputs are not what the model
            takes.

        Notes
        -----
        The model and the parts run without training, and each time from the states, statistics and seeds as they are:
        what layers write to them is dropped, so that afterwards all are what they were.

        An output that is NaN or infinite everywhere, on all inputs, proves nothing: that is no proof then.

        Ragged tensors cannot be handed on as NumPy arrays, which fill their rows up with zeros: where parts hand them
        on, or are given them, that check fails, while the parts chained in memory are exact.

        Examples
        --------
        >>> import keras
        >>> import kerassplit_widget as ks
        >>> layers = [keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)]
        >>> batches = ((keras.ops.ones((8, 4)), keras.ops.zeros(8)) for _ in range(100))
        >>> proof = ks.split(keras.Sequential(layers), ["a"]).verify(batches, rounds=2)
        >>> proof.ok, proof.inputs
        (True, 16)
        """
        return verify(self, data, rounds=rounds, seed=seed, save=save, progress=progress)

    def join(self, name: str | None = None) -> keras.Model:
        """Put the parts together to one model again.

        Parameters
        ----------
        name : str, optional
            Of the model; by default that of the model that was cut.

        Returns
        -------
        keras.Model
            On the parts' variables, flat: not a model of models. It takes and returns what the model did, with the
            parts as they are now, trained or replaced. A layer that several parts hold, and that was changed in one
            of them (another activation, frozen), becomes two layers on the same variables.

        Raises
        ------
        SplitError
            If `name` is no name of a model.
        """
        text_or_none("name", name)
        if name is not None and (not name or "/" in name):
            raise SplitError(
                f'name= is the name of the model, which is not empty and has no "/" for Keras; found {name!r:.80}.'
            )
        return join_parts(self._parts, self.manifest, name or self.manifest.model)

    def save(self, folder: str | PathLike[str]) -> None:
        """Save the parts and how they are wired.

        Parameters
        ----------
        folder : path
            Gets one ``.keras`` file for each part and ``manifest.json``. A split that is there already is replaced,
            and whoever loads at that time gets the one or the other, whole; anything else is refused. The folder
            itself stays, and so does a link to it.

        Raises
        ------
        SplitError
            If the folder holds something else or cannot be written, or a part cannot be saved.
        """
        save_split(folder, self.manifest, self._parts)

    @classmethod
    def load(cls, folder: str | PathLike[str], custom_objects: Mapping[str, Any] | None = None) -> Split:
        """Load a split that was saved.

        Parameters
        ----------
        folder : path
        custom_objects : mapping of str to object, optional
            Layers of your own, as `keras.saving.load_model` takes them. Files are loaded in Keras's safe mode.

        Returns
        -------
        Split
            Without the model that was cut; layers in several parts share their variables again. A part that was
            compiled with a loss, metric or optimizer that is not known here is loaded without these, and a warning.

        Raises
        ------
        SplitError
            If the folder holds no split, is damaged, or is of a newer version.
        """
        manifest, parts = load_split(folder, custom_objects)
        return cls(manifest, parts)

    def code(self, model: str = "model", names: Sequence[str] | None = None) -> str:
        """Write the Python that makes this split again.

        Parameters
        ----------
        model : str
            Variable that holds the model.
        names : sequence of str, optional
            Variables for the parts; ``part_1``, ``part_2``, … by default.

        Returns
        -------
        str

        Raises
        ------
        NamingError
            If there is not one name for each part, or a name is none that Python takes.
        """
        return codegen.split_code(self.cuts, model=model, names=names, options=self.manifest.options)


def _from_bytes(cls: type[Split], files: Mapping[str, bytes], classes: Mapping[str, type]) -> Split:
    return cls(*split_from_bytes(files, classes))
