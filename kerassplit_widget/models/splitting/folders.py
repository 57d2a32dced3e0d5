"""How a split is kept in a folder: one file for each part, and a manifest of what is known beside them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import keras

import kerassplit_widget
from kerassplit_widget.errors import SplitError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.splitting.manifest import Manifest
from kerassplit_widget.models.splitting.records import FILE, FORMAT, VERSION, from_json, plain, to_json
from kerassplit_widget.models.splitting.replacing import locked, put_in_place, refuse_to_replace, scratch_in
from kerassplit_widget.models.splitting.ties import find_ties, tie

__all__ = ["load_split", "save_split", "split_from_bytes", "split_to_bytes"]

RETRIES = 10
"""How often a folder is read again if it was saved to meanwhile; only where there are no locks."""


def save_split(folder: str | PathLike[str], manifest: Manifest, parts: Sequence[keras.Model]) -> None:
    """Write a split to a folder, complete or not at all. See `Split.save`."""
    target = _path(folder)
    try:
        target = _resolved(target)
        refuse_to_replace(target)
        new = not target.exists()
        target.mkdir(parents=True, exist_ok=True)
        try:
            with scratch_in(target) as scratch:
                entries = [_save_part(part, i, scratch) for i, part in enumerate(parts, 1)]
                ties = find_ties(parts)

                def written(files: Sequence[str]) -> str:
                    named = [{"file": file, **entry} for file, entry in zip(files, entries, strict=True)]
                    return json.dumps(to_json(manifest, named, ties), indent=1, default=plain) + "\n"

                put_in_place(target, scratch, [_file_name(i) for i in range(1, len(parts) + 1)], written)
        except BaseException:
            if new:
                with contextlib.suppress(OSError):  # another saver may be at work in it
                    target.rmdir()
            raise
    except OSError as error:
        raise SplitError(
            f"A split cannot be saved in {str(target)!r:.200}: {error.strerror or error}. Choose another folder."
        ) from error


def load_split(
    folder: str | PathLike[str], custom_objects: Mapping[str, Any] | None = None, *, safe_mode: bool = True
) -> tuple[Manifest, list[keras.Model]]:
    """Read a split from a folder. See `Split.load`."""
    source = _path(folder)
    with locked(source, shared=True):
        text = _manifest_text(source)
        for _ in range(RETRIES):
            try:
                return _read(source, text, custom_objects, safe_mode)
            except SplitError:
                before, text = text, _manifest_text(source)
                if text == before:
                    raise
    raise SplitError(f"{source} is saved to again and again while it is loaded. Load it when that has ended.")


def _manifest_text(source: Path) -> str:
    try:
        return (source / FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise SplitError(f"{source} holds no saved split: there is no {FILE} in it.") from None
    except OSError as error:
        raise SplitError(f"{str(source)!r:.200} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise SplitError(f"{source} is damaged: {FILE} cannot be read ({error}). Save the split again.") from None


def _read(
    source: Path, text: str, custom_objects: Mapping[str, Any] | None, safe_mode: bool
) -> tuple[Manifest, list[keras.Model]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SplitError(f"{source} is damaged: {FILE} cannot be read ({error}). Save the split again.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SplitError(f"{source / FILE} does not describe a split of this package.")
    if data.get("version") != VERSION:
        raise SplitError(
            f"{source} was saved in version {data.get('version')!r} of the format; this package "
            f"({kerassplit_widget.__version__}) reads version {VERSION}. Install the kerassplit-widget that saved it."
        )
    try:
        manifest, entries, ties = from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise SplitError(f"{source} is damaged: {FILE} is incomplete ({what}). Save the split again.") from None
    parts: list[keras.Model] = []
    for entry in entries:  # in a comprehension, warnings would be one frame farther away, or not, by the Python
        parts.append(_load_part(source, entry, custom_objects, safe_mode))
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


def _save_part(part: keras.Model, number: int, folder: Path) -> dict[str, Any]:
    """Save a part, and return what the manifest says of its file."""
    file = folder / _file_name(number)
    try:
        part.save(file)
    except Exception as error:
        raise SplitError(f"Part {number} cannot be saved, and nothing was written: {_why_not_saved(error)}") from error
    modules = {type(layer).__module__ for layer in part.layers}
    needs = sorted(each for each in modules if each.startswith(f"{kerassplit_widget.__name__}."))
    names = [layer.name for layer in part.layers]  # which a configuration need not have
    entry: dict[str, Any] = {"sha256": _digest(file), "needs": needs, "layers": names}
    if type(part.dtype_policy) is keras.DTypePolicy:  # which Keras does not save
        entry["dtype_policy"] = part.dtype_policy.name
    return entry


def _load_part(
    source: Path, entry: Mapping[str, Any], custom_objects: Mapping[str, Any] | None, safe_mode: bool
) -> keras.Model:
    file = source / entry["file"]
    try:
        changed = _digest(file) != entry["sha256"]
    except FileNotFoundError:
        raise SplitError(f"{source} is damaged: {file.name} is missing. Save the split again.") from None
    except OSError as error:
        raise SplitError(f"{str(file)!r:.200} cannot be read: {error.strerror or error}.") from None
    if changed:
        raise SplitError(f"{source} is damaged: {file.name} has changed since it was saved. Save the split again.")
    part = _load_file(file, custom_objects, safe_mode)
    _name_layers(part, entry["layers"])
    if "dtype_policy" in entry:
        internals.set_policy(part, entry["dtype_policy"])
    return part


def _name_layers(part: keras.Model, names: Sequence[str]) -> None:
    """Give the layers of a loaded part, which are in the order they had, the names they had, by which they are tied."""
    if len(names) != len(part.layers):  # saved before the names were, or a model of the user's that is made anew
        return
    for layer, name in zip(part.layers, names, strict=True):
        if layer.name != name:
            internals.set_name(layer, name)
    if hasattr(part, "output_names"):  # by which losses are given
        part.output_names = [internals.maker_of(tensor).name for tensor in part.outputs]


def _load_file(file: Path, custom_objects: Mapping[str, Any] | None, safe_mode: bool) -> keras.Model:
    """Load a part; without its loss, metrics and optimizer where these are not known here, as it computes without."""

    def load(**how: Any) -> keras.Model:
        return keras.saving.load_model(file, custom_objects=custom_objects, safe_mode=safe_mode, **how)

    try:
        return load()
    except Exception as error:
        try:
            part = load(compile=False)
        except Exception as because:
            raise SplitError(f"{file} cannot be loaded: {_why_not_loaded(because, file)}") from because
        what = f"what cannot be made again here ({first_line(error)})"
        if name := _unknown(error):
            what = f"{name!r}, which is not known here"
        elif _is_unsafe(error):
            what = "Python code (a lambda), which Split.load never runs"
    warnings.warn(
        f"{file.name} was compiled with {what}: it is loaded without its loss, metrics and optimizer. Compile it again "
        "before you train it.",
        stacklevel=6,  # where Split.load is called
    )
    return part


def _file_name(number: int) -> str:
    return f"part_{number}.keras"


def _path(folder: str | PathLike[str]) -> Path:
    try:
        path = Path(folder)
    except TypeError:
        raise SplitError(f"A split is kept in a folder: give its path; found {folder!r:.80}.") from None
    if not str(folder):
        raise SplitError("A split is kept in a folder: give its path; found an empty one, for here write '.'.")
    if "\0" in str(path):
        raise SplitError(f"A split is kept in a folder: no path holds a zero byte; found {folder!r:.80}.")
    return path


def _resolved(path: Path) -> Path:
    """Return the folder that a path leads to, which links to it go on leading to."""
    found = Path(os.path.realpath(path))
    if path.is_symlink() and not found.exists():
        raise SplitError(f"{path} is a link to {found}, which is not there. Make that folder, or choose another.")
    return found


def _why_not_saved(error: Exception) -> str:
    text = " ".join(str(error).split())
    if found := re.search(r"Object (\w+) was created by passing non-serializable", text):
        return f"the class {found[1]} has no get_config() that says how to make it again. Write one, for Keras to use."
    return _shortened(text)


def _why_not_loaded(error: Exception, file: Path) -> str:
    text = " ".join(str(error).split())
    if name := _unknown(error):
        return (
            f"{name!r} is not known here. Give it, Split.load(folder, custom_objects={{{name!r}: ...}}), or "
            "register it with keras.saving.register_keras_serializable() where it is defined, and import that."
        )
    if _is_unsafe(error):
        return (
            "it holds Python code (a Lambda layer), which Split.load never runs. If you trust the folder, load the "
            f"parts one by one with Keras and let it: keras.config.enable_unsafe_deserialization(), then "
            f'keras.saving.load_model("{file.name}").'
        )
    return _shortened(text.rpartition("Exception encountered: ")[2])


def _unknown(error: Exception) -> str:
    """Return the name of the class or function that Keras did not find; empty if that is not what went wrong."""
    found = re.search(r"Could not locate (?:class|function) '([^']+)'", " ".join(str(error).split()))
    return found[1] if found else ""


def _is_unsafe(error: Exception) -> bool:
    return re.search(r"safe_mode|unsafe_deserialization", str(error)) is not None


def _shortened(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:299]}…"


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
