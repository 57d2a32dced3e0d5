"""Putting a split in the place of another, in a folder that others may read or write at the same time.

The folder itself stays: it may be mounted, linked to, shared with a group, or the one that a process stands in. The
parts are first saved in a scratch folder inside it. Then they get names that nothing had before, and a manifest that
names them takes the place of the old one: from then on the folder holds the new split, before it the old. Only then the
parts take their plain names, and once more a manifest that names those is put in place. So whatever happens, and
whenever, the manifest names files that are whole.

Savers, and readers, keep each other out by a lock on the folder where the system has one, which ends with the process
that holds it. Where there is none, a reader finds by the digests in the manifest that a file is not the one it names.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kerassplit_widget.errors import SplitError
from kerassplit_widget.models.splitting.records import FILE, FORMAT, PART_FILE, SCRATCH
from kerassplit_widget.structure.text import listed

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

__all__ = ["locked", "put_in_place", "refuse_to_replace", "scratch_in"]

ABANDONED = 24 * 3600.0
"""Seconds after which a scratch folder was left behind, where no lock can tell."""


def refuse_to_replace(target: Path) -> None:
    """Refuse to write where there is something else than a split and nothing beside it.

    Raises
    ------
    SplitError
    """
    if not target.exists():
        return
    names = sorted(each.name for each in target.iterdir()) if target.is_dir() else [""]
    if all(name.startswith(SCRATCH) for name in names):
        return
    try:
        data = json.loads((target / FILE).read_text(encoding="utf-8"))
        ours = isinstance(data, dict) and data.get("format") == FORMAT
    except (OSError, ValueError, RecursionError):
        ours = False
    if not ours:
        raise SplitError(f"{target} exists and is no saved split; it is left alone. Choose another folder.")
    if more := [name for name in names if not _is_own(name)]:
        raise SplitError(
            f"{target} is a saved split but holds something else: {listed(more)}; it is left alone. "
            "Move that away or choose another folder."
        )


@contextlib.contextmanager
def scratch_in(target: Path) -> Iterator[Path]:
    """Give a folder in a folder for what is saved there; remove it in the end, and those that others left behind."""
    with contextlib.ExitStack() as stack:
        with locked(target):
            for left in target.glob(f"{SCRATCH}*"):
                if left.is_dir() and _is_abandoned(left):
                    shutil.rmtree(left, ignore_errors=True)
            scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=target))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            stack.enter_context(locked(scratch))  # the sign that somebody is at work in it
        yield scratch


def put_in_place(target: Path, scratch: Path, files: Sequence[str], manifest: Callable[[Sequence[str]], str]) -> None:
    """Put parts that were saved in a scratch folder in the place of what is in the folder.

    Parameters
    ----------
    target, scratch : Path
    files : sequence of str
        The plain names of the parts, which they have in the scratch folder.
    manifest : callable
        Writes the manifest, given the names that the files of the parts have.
    """
    unique = [f"{scratch.name}.{file}" for file in files]
    texts = manifest(unique), manifest(files)

    def name_files(text: str) -> None:
        (scratch / FILE).write_text(text, encoding="utf-8")
        os.replace(scratch / FILE, target / FILE)

    with locked(target):
        refuse_to_replace(target)
        try:
            for file, name in zip(files, unique, strict=True):
                os.replace(scratch / file, target / name)
            name_files(texts[0])
        except OSError:
            for name in unique:
                (target / name).unlink(missing_ok=True)
            raise
        named = {*unique, FILE}
        with contextlib.suppress(OSError):  # the split is there, if under other names
            for file, name in zip(files, unique, strict=True):
                _name_twice(target / name, scratch / file)
            for file in files:
                os.replace(scratch / file, target / file)
            name_files(texts[1])
            named = {*files, FILE}
        for each in target.iterdir():
            if PART_FILE.fullmatch(each.name) and each.name not in named:
                each.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool | None]:
    """Hold the lock of a folder, alone or with others that share it.

    Yields
    ------
    bool or None
        Whether it is held. None where there are no locks.
    """
    if fcntl is None:
        yield None
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # anything else could be waited for
    except OSError:
        yield None
        return
    try:
        yield _lock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # a process that was forked meanwhile has the handle too
        os.close(handle)


def _lock(handle: int, how: int) -> bool | None:
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    except OSError:  # some file systems have no locks
        return None
    return True


def _is_abandoned(scratch: Path) -> bool:
    with locked(scratch, wait=False) as free:
        if free is not None:
            return free
    try:
        return time.time() - scratch.stat().st_mtime > ABANDONED
    except OSError:
        return False


def _name_twice(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # not every file system has links
        shutil.copyfile(file, name)


def _is_own(name: str) -> bool:
    return name == FILE or name.startswith(SCRATCH) or re.fullmatch(PART_FILE, name) is not None
