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

__all__ = ["load_split", "own_classes", "save_split", "split_from_bytes", "split_to_bytes"]

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
        text = json.dumps(_to_json(manifest, entries, find_ties(parts)), indent=1, default=_plain)
        (new / FILE).write_text(text + "\n", encoding="utf-8")
        if target.exists():
            target.rename(old)
        new.rename(target)


def load_split(
    folder: str | PathLike[str], custom_objects: Mapping[str, Any] | None = None, *, safe_mode: bool = True
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
    parts = [_load_part(source, entry, custom_objects, safe_mode) for entry in entries]
    manifest.check_parts(parts)
    try:
        parts = list(tie(parts, ties))
    except (ValueError, IndexError) as error:
        raise SplitError(f"{source} is damaged: its parts do not hold what is tied ({error}). Save it again.") from None
    if manifest.batch_is_fixed:
        for part in parts:
            internals.keep_sizes(part)
    return manifest, parts


def split_to_bytes(manifest: Manifest, parts: Sequence[keras.Model]) -> dict[str, bytes]:
    """Return the files in which a split is saved, by name: what is pickled of it, which `copy.deepcopy` asks for too.

    Keras would copy part by part, and untie what is tied.

    Raises
    ------
    SplitError
        If a part cannot be saved.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "split"
        try:
            save_split(folder, manifest, parts)
        except SplitError as error:
            raise SplitError(f"A split is copied and pickled by saving its parts. {error}") from error
        return {file.name: file.read_bytes() for file in folder.iterdir()}


def own_classes(parts: Sequence[keras.Model]) -> dict[str, type]:
    """Collect the classes of layers that Keras would not know when it loads parts, by the names it would look for.

    Raises
    ------
    SplitError
        If two have one name.
    """
    found: dict[str, type] = {}
    for cls in dict.fromkeys(type(layer) for part in parts for layer in internals.layers_within(part)):
        name = keras.saving.get_registered_name(cls)
        if name == cls.__name__ and not cls.__module__.startswith("keras.") and found.setdefault(name, cls) is not cls:
            raise SplitError(
                f"A split is copied and pickled by saving its parts. Two classes of layers are called {name!r}, and "
                "Keras could not tell them apart: register one with keras.saving.register_keras_serializable()."
            )
    return found


def split_from_bytes(files: Mapping[str, bytes], classes: Mapping[str, type]) -> tuple[Manifest, list[keras.Model]]:
    """Read a split from its files, with the classes of its layers that Keras does not know.

    Raises
    ------
    SplitError
        If a part cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in files.items():
            (Path(scratch) / name).write_bytes(content)
        try:
            return load_split(scratch, classes, safe_mode=False)  # a pickle may run code anyway
        except SplitError as error:
            why = str(error).partition("cannot be loaded: ")[2] or str(error)
            why = re.sub(r"Give it, Split\.load\(.*\), or register", "Register", why)
            raise SplitError(
                f"A split is copied and pickled by saving its parts, and one cannot be loaded: {why}"
            ) from error


def _load_part(
    source: Path, entry: Mapping[str, str], custom_objects: Mapping[str, Any] | None, safe_mode: bool
) -> keras.Model:
    file = source / entry["file"]
    if not file.is_file():
        raise SplitError(f"{source} is damaged: {file.name} is missing. Save the split again.")
    if _digest(file) != entry["sha256"]:
        raise SplitError(f"{source} is damaged: {file.name} has changed since it was saved. Save the split again.")
    try:
        part = keras.saving.load_model(file, custom_objects=custom_objects, safe_mode=safe_mode)
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
        "tensors": {name: _spec_entry(spec) for name, spec in manifest.specs.items()},
        "ties": ties,
        "parts": [
            {**entry, "takes": wire.takes, "returns": wire.returns, "calls": wire.calls}
            for entry, wire in zip(parts, manifest.wires, strict=True)
        ],
    }


def _from_json(data: Mapping[str, Any]) -> tuple[Manifest, list[dict[str, str]], list[list[Place]]]:
    specs = {str(name): _spec(entry) for name, entry in data["tensors"].items()}
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


def _plain(value: Any) -> Any:
    """Write what options may be and JSON has not: a set of names, a whole number of NumPy."""
    return sorted(value) if isinstance(value, set | frozenset) else int(value)


def _spec_entry(spec: Spec) -> dict[str, Any]:
    return {key: value for key, value in asdict(spec).items() if key != "declared" or value is not None}


def _spec(entry: Mapping[str, Any]) -> Spec:
    declared = entry.get("declared")
    if declared is not None:
        shape, dtype = declared
        declared = tuple(shape), str(dtype)
    return Spec(tuple(entry["shape"]), str(entry["dtype"]), entry["nbytes"], declared)


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
