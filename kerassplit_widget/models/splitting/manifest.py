"""What is known of a split beside its parts, and how both are kept in a folder."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import keras

import kerassplit_widget
from kerassplit_widget.errors import SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.masks import AttachMask, TakeMask
from kerassplit_widget.models.splitting.ties import Place, find_ties, tie
from kerassplit_widget.structure.graph import LayerGraph, Tensor, mask_name
from kerassplit_widget.structure.text import shape_text
from kerassplit_widget.structure.wiring import Wire

__all__ = ["Manifest", "Spec", "load_split", "save_split"]

FORMAT, VERSION, FILE = "kerassplit-split", 1, "manifest.json"


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape (with batch; None is unknown), dtype and bytes (batch size 1) of a tensor between parts."""

    shape: tuple[int | None, ...]
    dtype: str
    nbytes: int | None

    @classmethod
    def of_wires(cls, graph: LayerGraph, wires: Sequence[Wire]) -> dict[str, Spec]:
        """Describe every tensor that a part takes or returns, and every input of the model."""
        names = dict.fromkeys([*graph.inputs, *(n for wire in wires for n in (*wire.takes, *wire.returns))])
        return {name: cls._of(graph, name) for name in names}

    @classmethod
    def _of(cls, graph: LayerGraph, name: str) -> Spec:
        tensor = graph.tensors.get(name)
        if tensor is None:
            masked = graph.tensors[name.removesuffix(mask_name(""))]
            tensor = Tensor(name, masked.call, 0, masked.mask or (), "bool")
        return cls(tensor.shape, tensor.dtype, tensor.nbytes())

    def input(self, name: str) -> keras.KerasTensor:
        """Make a `keras.Input` of this kind."""
        return keras.Input(batch_shape=self.shape, dtype=self.dtype, name=name)

    def fits(self, tensor: keras.KerasTensor) -> bool:
        """Tell whether a symbolic tensor of a model has this dtype and no other dimensions."""
        shape = internals.shape_of_tensor(tensor)
        return (
            tensor.dtype == self.dtype
            and len(shape) == len(self.shape)
            and all(a == b or None in (a, b) for a, b in zip(shape, self.shape, strict=True))
        )

    def __str__(self) -> str:
        return f"{shape_text(self.shape)} {self.dtype}"


@dataclass(frozen=True)
class Manifest:
    """What is known of a split beside its parts.

    Attributes
    ----------
    model : str
        Name of the model that was cut.
    cuts : tuple of tuple of str
        The points of each cut.
    wiring : str
        ``"relay"`` or ``"direct"``.
    wires : tuple of Wire
        What each part takes and returns.
    inputs, outputs : structure of str
        Names of the tensors in the places of the model's input and output structure.
    specs : dict of str to Spec
        Of every tensor between parts and every input.
    weights : str
        ``"share"``: on the variables of the model that was cut; ``"copy"``: on copies.
    options : dict
        Keyword arguments of `split` that were not the default.
    """

    model: str
    cuts: tuple[tuple[str, ...], ...]
    wiring: str
    wires: tuple[Wire, ...]
    inputs: Any
    outputs: Any
    specs: Mapping[str, Spec]
    weights: str
    options: Mapping[str, Any]

    def pack_inputs(self, part: int, known: Mapping[str, Any]) -> Any:
        """Put the tensors that a part takes in the structure in which it takes them."""
        if part == 0 and self.wiring == "relay":
            return keras.tree.map_structure(known.__getitem__, self.inputs)
        given = [known[name] for name in self.wires[part].takes]
        return given[0] if len(given) == 1 else given

    def match_inputs(self, inputs: Any) -> dict[str, Any]:
        """Give each input of the model its name; as Keras, take one tensor for a list of one, and a dict for a list.

        Raises
        ------
        SplitError
            If the structure is another.
        """
        names = keras.tree.flatten(self.inputs)
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict) and set(names) <= set(inputs):
            return {name: inputs[name] for name in names}
        if len(names) == 1 and not isinstance(inputs, dict | list | tuple):
            return {names[0]: inputs}
        try:
            keras.tree.assert_same_structure(
                keras.tree.lists_to_tuples(inputs), keras.tree.lists_to_tuples(self.inputs)
            )
        except (TypeError, ValueError):
            raise SplitError(f"The model takes {self.inputs!r}; other inputs were given: {_outline(inputs)}.") from None
        return dict(zip(names, keras.tree.flatten(inputs), strict=True))

    def pack_outputs(self, known: Mapping[str, Any]) -> Any:
        """Put the tensors that the model returns in its output structure; as Keras, one tensor for a list of one."""
        outputs = keras.tree.map_structure(known.__getitem__, self.outputs)
        return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs

    def check_parts(self, parts: Sequence[keras.Model]) -> None:
        """Refuse parts that take or return something else than those they are to replace.

        Raises
        ------
        SplitError
        """
        if len(parts) != len(self.wires):
            raise SplitError(f"The split has {len(self.wires)} parts; {len(parts)} were given.")
        for i, (part, wire) in enumerate(zip(parts, self.wires, strict=True), 1):
            for verb, names, tensors in (("take", wire.takes, part.inputs), ("return", wire.returns, part.outputs)):
                wanted = [self.specs[name] for name in names]
                if len(tensors) != len(wanted) or not all(s.fits(t) for s, t in zip(wanted, tensors, strict=True)):
                    raise SplitError(
                        f"Part {i} has to {verb} {', '.join(map(str, wanted))}; the model given in its place "
                        f"({part.name!r}) {verb}s {', '.join(f'{shape_text(t.shape)} {t.dtype}' for t in tensors)}."
                    )


def _outline(structure: Any) -> str:
    return repr(keras.tree.map_structure(lambda value: getattr(value, "shape", type(value).__name__), structure))


def save_split(folder: str | PathLike[str], manifest: Manifest, parts: Sequence[keras.Model]) -> None:
    """Write a split to a folder, complete or not at all. See `Split.save`."""
    target = Path(folder)
    if target.exists() and not (target / FILE).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise SplitError(f"{target} exists and is no saved split; it is left alone. Choose another folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        entries = []
        for i, part in enumerate(parts, 1):
            file = new / f"part_{i}.keras"
            try:
                part.save(file)
            except Exception as error:
                raise SplitError(f"Part {i} cannot be saved, and nothing was written: {error}") from error
            needs = sorted({type(x).__module__ for x in part.layers if isinstance(x, AttachMask | TakeMask)})
            entries.append({"file": file.name, "sha256": _digest(file), "needs": needs})
        text = json.dumps(_to_json(manifest, entries, find_ties(parts)), indent=1)
        (new / FILE).write_text(text + "\n", encoding="utf-8")
        if target.exists():
            target.rename(old)
        new.rename(target)


def load_split(
    folder: str | PathLike[str], custom_objects: Mapping[str, Any] | None = None
) -> tuple[Manifest, list[keras.Model]]:
    """Read a split from a folder. See `Split.load`."""
    source = Path(folder)
    try:
        data = json.loads((source / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SplitError(f"{source} holds no saved split: there is no {FILE} in it.") from None
    except (OSError, ValueError) as error:
        raise SplitError(f"{source} is damaged: {FILE} cannot be read ({error}). Save the split again.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SplitError(f"{source / FILE} does not describe a split of this package.")
    if data.get("version") != VERSION:
        raise SplitError(
            f"{source} was saved in version {data.get('version')!r} of the format; this package "
            f"({kerassplit_widget.__version__}) reads version {VERSION}. Install the kerassplit-widget that saved it."
        )
    try:
        manifest, entries, ties = _from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise SplitError(f"{source} is damaged: {FILE} is incomplete ({what}). Save the split again.") from None
    parts = [_load_part(source, entry, custom_objects) for entry in entries]
    manifest.check_parts(parts)
    try:
        return manifest, list(tie(parts, ties))
    except (ValueError, IndexError) as error:
        raise SplitError(f"{source} is damaged: its parts do not hold what is tied ({error}). Save it again.") from None


def _load_part(source: Path, entry: Mapping[str, str], custom_objects: Mapping[str, Any] | None) -> keras.Model:
    file = source / entry["file"]
    if not file.is_file():
        raise SplitError(f"{source} is damaged: {file.name} is missing. Save the split again.")
    if _digest(file) != entry["sha256"]:
        raise SplitError(f"{source} is damaged: {file.name} has changed since it was saved. Save the split again.")
    try:
        return keras.saving.load_model(file, custom_objects=custom_objects, safe_mode=True)
    except Exception as error:
        raise SplitError(f"{file} cannot be loaded: {error}") from error


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_json(manifest: Manifest, parts: list[dict[str, Any]], ties: list[list[Place]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "kerassplit_widget": kerassplit_widget.__version__,
        "keras": keras.__version__,
        "model": manifest.model,
        "cuts": manifest.cuts,
        "wiring": manifest.wiring,
        "weights": manifest.weights,
        "options": manifest.options,
        "inputs": _pack(manifest.inputs),
        "outputs": _pack(manifest.outputs),
        "tensors": {name: asdict(spec) for name, spec in manifest.specs.items()},
        "ties": ties,
        "parts": [
            {**entry, "takes": wire.takes, "returns": wire.returns, "calls": wire.calls}
            for entry, wire in zip(parts, manifest.wires, strict=True)
        ],
    }


def _from_json(data: Mapping[str, Any]) -> tuple[Manifest, list[dict[str, str]], list[list[Place]]]:
    specs = {
        str(name): Spec(tuple(spec["shape"]), str(spec["dtype"]), spec["nbytes"])
        for name, spec in data["tensors"].items()
    }
    wires = tuple(Wire(tuple(p["takes"]), tuple(p["returns"]), tuple(p["calls"])) for p in data["parts"])
    files = [{"file": str(part["file"]), "sha256": str(part["sha256"])} for part in data["parts"]]
    for entry in files:
        if Path(entry["file"]).name != entry["file"]:
            raise ValueError(f"{entry['file']!r} is no file of the folder")
    for wire in wires:
        for name in (*wire.takes, *wire.returns):
            specs[name]
    manifest = Manifest(
        model=str(data["model"]),
        cuts=tuple(tuple(map(str, points)) for points in data["cuts"]),
        wiring={"relay": "relay", "direct": "direct"}[data["wiring"]],
        wires=wires,
        inputs=_unpack(data["inputs"]),
        outputs=_unpack(data["outputs"]),
        specs=specs,
        weights=str(data["weights"]),
        options=dict(data["options"]),
    )
    ties = [[Place(int(part), str(layer), int(index)) for part, layer, index in places] for places in data["ties"]]
    if any(not 0 <= place.part < len(files) for places in ties for place in places) or not all(ties):
        raise ValueError("a tie names no part")
    return manifest, files, ties


def _pack(structure: Any) -> Any:
    """Write a structure so that JSON keeps lists and tuples apart."""
    if isinstance(structure, dict):
        return {"dict": {key: _pack(value) for key, value in structure.items()}}
    if isinstance(structure, list | tuple):
        return {"tuple" if isinstance(structure, tuple) else "list": [_pack(value) for value in structure]}
    return structure


def _unpack(data: Any) -> Any:
    if isinstance(data, str):
        return data
    ((kind, content),) = data.items()
    if kind == "dict":
        return {key: _unpack(value) for key, value in content.items()}
    return {"list": list, "tuple": tuple}[kind](map(_unpack, content))
