"""The manifest of a saved split, as JSON: what is written beside the files of the parts, and read back with care."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import keras

import kerassplit_widget
from kerassplit_widget.models.splitting.manifest import Manifest, Spec
from kerassplit_widget.models.splitting.ties import Place
from kerassplit_widget.structure.wiring import Wire

__all__ = ["FILE", "FORMAT", "PART_FILE", "SCRATCH", "VERSION", "from_json", "plain", "to_json"]

FORMAT, VERSION, FILE = "kerassplit-split", 1, "manifest.json"

SCRATCH = ".kerassplit-"
"""How the names begin of what is in a folder only while a split is saved there."""

PART_FILE = re.compile(rf"({re.escape(SCRATCH)}\w{{1,20}}\.)?part_\d{{1,9}}\.keras")

_OPTIONS = frozenset(("weights", "wiring", "prefix", "expand", "input_shapes"))


def to_json(manifest: Manifest, parts: Sequence[Mapping[str, Any]], ties: list[list[Place]]) -> dict[str, Any]:
    """Write down what is known of a split.

    Parameters
    ----------
    manifest : Manifest
    parts : sequence of mapping
        What is known of the file of each part.
    ties : list of list of Place
    """
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
        "batch_is_fixed": manifest.batch_is_fixed,
        "inputs": _pack(manifest.inputs),
        "outputs": _pack(manifest.outputs),
        "tensors": {name: _spec_entry(spec) for name, spec in manifest.specs.items()},
        "ties": ties,
        "parts": [
            {**entry, "takes": wire.takes, "returns": wire.returns, "calls": wire.calls}
            for entry, wire in zip(parts, manifest.wires, strict=True)
        ],
    }


def from_json(data: Mapping[str, Any]) -> tuple[Manifest, list[dict[str, Any]], list[list[Place]]]:
    """Read what is known of a split, the files of its parts, and what is tied.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError
        If something is missing, or contradicts the rest: what is taken here is run and joined without another look.
    """
    specs = {name: _spec(name, entry) for name, entry in data["tensors"].items()}
    wires = tuple(Wire(_words(p["takes"]), _words(p["returns"]), tuple(p["calls"])) for p in data["parts"])
    files: list[dict[str, Any]] = [
        # of the layers, splits saved before said nothing
        {"file": str(part["file"]), "sha256": str(part["sha256"]), "layers": _words(part.get("layers", []))}
        for part in data["parts"]
    ]
    for entry, part in zip(files, data["parts"], strict=True):
        if "dtype_policy" in part:  # splits saved before had none
            entry["dtype_policy"] = keras.dtype_policies.get(str(part["dtype_policy"])).name
        if not PART_FILE.fullmatch(entry["file"]):
            raise ValueError(f"{entry['file']!r:.80} is no file of the folder")
    manifest = Manifest(
        model=_name(data["model"]),
        cuts=tuple(map(_words, data["cuts"])),
        wiring={"relay": "relay", "direct": "direct"}[data["wiring"]],
        wires=wires,
        inputs=_unpack(data["inputs"]),
        outputs=_unpack(data["outputs"]),
        specs=specs,
        weights={"share": "share", "copy": "copy"}[data["weights"]],
        options=dict(data["options"]),
        batch_is_fixed=bool(data.get("batch_is_fixed", False)),  # splits saved before had none
    )
    _check_wiring(manifest)
    if unknown := manifest.options.keys() - _OPTIONS:
        raise ValueError(f"{sorted(unknown)!r:.80} are no options of split")
    ties = [[Place(int(part), str(layer), int(index)) for part, layer, index in places] for places in data["ties"]]
    if not all(ties) or any(not (0 <= p.part < len(files) and p.place >= 0) for places in ties for p in places):
        raise ValueError("a tie names no part")
    return manifest, files, ties


def _check_wiring(manifest: Manifest) -> None:
    """See that every part is given what it takes, and that what it returns goes somewhere."""
    wires, inputs = manifest.wires, keras.tree.flatten(manifest.inputs)
    outputs = set(keras.tree.flatten(manifest.outputs))
    known = set(inputs)
    for wire in wires:
        if not known.issuperset(wire.takes):
            raise ValueError(f"nothing gives {sorted(set(wire.takes) - known)}")
        known.update(wire.returns)
    chain = manifest.wiring == "relay"
    if not wires or not known >= outputs or (chain and not outputs.issubset(wires[-1].returns)):
        raise ValueError(f"{len(wires)} parts do not give all outputs")
    if not manifest.specs.keys() >= known:
        raise ValueError(f"nothing is said of {sorted(known - manifest.specs.keys())}")
    if chain and set(wires[0].takes) != set(inputs):
        raise ValueError(f"the first part does not take {inputs}")
    wanted = set(outputs)
    for wire in reversed(wires):
        if idle := [name for name in wire.returns if name not in wanted]:
            raise ValueError(f"nothing takes {idle}")
        wanted.update(wire.takes)


def plain(value: Any) -> Any:
    """Write what options may be and JSON has not: a set of names, a whole number of NumPy."""
    return sorted(value) if isinstance(value, set | frozenset) else int(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value or "/" in value:
        raise ValueError(f"{value!r:.80} is no name of a model")
    return value


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{value!r:.80} is no list of names")
    return tuple(value)


def _spec_entry(spec: Spec) -> dict[str, Any]:
    return {key: value for key, value in asdict(spec).items() if key != "declared" or value is not None}


def _spec(name: str, entry: Mapping[str, Any]) -> Spec:
    def kind(shape: Any, dtype: Any) -> tuple[tuple[int | None, ...], str]:
        if not isinstance(shape, list) or not all(each is None or _is_count(each) for each in shape):
            raise ValueError(f"{shape!r:.80} is no shape of {name!r}")
        return tuple(shape), keras.backend.standardize_dtype(str(dtype))

    declared, nbytes = entry.get("declared"), entry["nbytes"]
    if nbytes is not None and not _is_count(nbytes):
        raise ValueError(f"{nbytes!r:.80} is no number of bytes of {name!r}")
    shape, dtype = kind(entry["shape"], entry["dtype"])
    return Spec(shape, dtype, nbytes, None if declared is None else kind(*declared))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


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
