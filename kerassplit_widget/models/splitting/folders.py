"""How a split is kept in a folder: one file for each part, and a manifest of what is known beside them."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import keras

import kerassplit_widget
from kerassplit_widget.errors import SplitError
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.splitting.manifest import Manifest, Spec
from kerassplit_widget.models.splitting.ties import Place, find_ties, tie
from kerassplit_widget.structure.text import listed
from kerassplit_widget.structure.wiring import Wire

__all__ = ["load_split", "save_split"]

FORMAT, VERSION, FILE = "kerassplit-split", 1, "manifest.json"
_OWN_FILES = rf"{re.escape(FILE)}|part_\d+\.keras"


def save_split(folder: str | PathLike[str], manifest: Manifest, parts: Sequence[keras.Model]) -> None:
    """Write a split to a folder, complete or not at all. See `Split.save`."""
    target = _path(folder)
    _refuse_to_replace(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        entries: list[dict[str, Any]] = []
        for i, part in enumerate(parts, 1):
            file = new / f"part_{i}.keras"
            try:
                part.save(file)
            except Exception as error:
                raise SplitError(
                    f"Part {i} cannot be saved, and nothing was written: {_why_not_saved(error)}"
                ) from error
            modules = {type(layer).__module__ for layer in part.layers}
            needs = sorted(each for each in modules if each.startswith(f"{kerassplit_widget.__name__}."))
            entry: dict[str, Any] = {"file": file.name, "sha256": _digest(file), "needs": needs}
            if type(part.dtype_policy) is keras.DTypePolicy:  # which Keras does not save
                entry["dtype_policy"] = part.dtype_policy.name
            entries.append(entry)
        text = json.dumps(_to_json(manifest, entries, find_ties(parts)), indent=1)
        (new / FILE).write_text(text + "\n", encoding="utf-8")
        if target.exists():
            target.rename(old)
        new.rename(target)


def load_split(
    folder: str | PathLike[str], custom_objects: Mapping[str, Any] | None = None
) -> tuple[Manifest, list[keras.Model]]:
    """Read a split from a folder. See `Split.load`."""
    source = _path(folder)
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
        parts = list(tie(parts, ties))
    except (ValueError, IndexError) as error:
        raise SplitError(f"{source} is damaged: its parts do not hold what is tied ({error}). Save it again.") from None
    if manifest.batch_is_fixed:
        for part in parts:
            internals.keep_sizes(part)
    return manifest, parts


def _load_part(source: Path, entry: Mapping[str, str], custom_objects: Mapping[str, Any] | None) -> keras.Model:
    file = source / entry["file"]
    if not file.is_file():
        raise SplitError(f"{source} is damaged: {file.name} is missing. Save the split again.")
    if _digest(file) != entry["sha256"]:
        raise SplitError(f"{source} is damaged: {file.name} has changed since it was saved. Save the split again.")
    try:
        part = keras.saving.load_model(file, custom_objects=custom_objects, safe_mode=True)
    except Exception as error:
        raise SplitError(f"{file} cannot be loaded: {_why_not_loaded(error, file)}") from error
    if "dtype_policy" in entry:
        internals.set_policy(part, entry["dtype_policy"])
    return part


def _path(folder: str | PathLike[str]) -> Path:
    try:
        return Path(folder)
    except TypeError:
        raise SplitError(f"A split is kept in a folder: give its path; found {folder!r:.80}.") from None


def _refuse_to_replace(target: Path) -> None:
    """Refuse to write where there is something else than a split and nothing beside it."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        data = json.loads((target / FILE).read_text(encoding="utf-8"))
        ours = isinstance(data, dict) and data.get("format") == FORMAT
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise SplitError(f"{target} exists and is no saved split; it is left alone. Choose another folder.")
    if more := sorted(each.name for each in target.iterdir() if not re.fullmatch(_OWN_FILES, each.name)):
        raise SplitError(
            f"{target} is a saved split but holds something else: {listed(more)}; it is left alone. "
            "Move that away or choose another folder."
        )


def _why_not_saved(error: Exception) -> str:
    text = " ".join(str(error).split())
    if found := re.search(r"Object (\w+) was created by passing non-serializable", text):
        return f"the class {found[1]} has no get_config() that says how to make it again. Write one, for Keras to use."
    return _shortened(text)


def _why_not_loaded(error: Exception, file: Path) -> str:
    text = " ".join(str(error).split())
    if found := re.search(r"Could not locate (?:class|function) '([^']+)'", text):
        return (
            f"{found[1]!r} is not known here. Give it, Split.load(folder, custom_objects={{{found[1]!r}: ...}}), or "
            "register it with keras.saving.register_keras_serializable() where it is defined, and import that."
        )
    if re.search(r"safe_mode|unsafe_deserialization", text):
        return (
            "it holds Python code (a Lambda layer), which Split.load never runs. If you trust the folder, load the "
            f"parts one by one with Keras and let it: keras.config.enable_unsafe_deserialization(), then "
            f'keras.saving.load_model("{file.name}").'
        )
    return _shortened(text.rpartition("Exception encountered: ")[2])


def _shortened(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:299]}…"


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
        "batch_is_fixed": manifest.batch_is_fixed,
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
    for entry, part in zip(files, data["parts"], strict=True):
        if "dtype_policy" in part:  # splits saved before had none
            entry["dtype_policy"] = keras.dtype_policies.get(str(part["dtype_policy"])).name
        if Path(entry["file"]).name != entry["file"]:
            raise ValueError(f"{entry['file']!r} is no file of the folder")
    inputs, outputs = _unpack(data["inputs"]), _unpack(data["outputs"])
    known = set(keras.tree.flatten(inputs))
    for wire in wires:
        if not known.issuperset(wire.takes):
            raise ValueError(f"nothing gives {sorted(set(wire.takes) - known)}")
        known.update(wire.returns)
    if not known.issuperset(keras.tree.flatten(outputs)) or not specs.keys() >= known:
        raise ValueError(f"{len(wires)} parts do not give all outputs")
    manifest = Manifest(
        model=str(data["model"]),
        cuts=tuple(tuple(map(str, points)) for points in data["cuts"]),
        wiring={"relay": "relay", "direct": "direct"}[data["wiring"]],
        wires=wires,
        inputs=inputs,
        outputs=outputs,
        specs=specs,
        weights=str(data["weights"]),
        options=dict(data["options"]),
        batch_is_fixed=bool(data.get("batch_is_fixed", False)),  # splits saved before had none
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
