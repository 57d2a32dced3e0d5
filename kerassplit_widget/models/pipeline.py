"""The parts of a split on Ray actors, each in a process of its own. Needs the optional extra ``ray``."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import keras

from kerassplit_widget.errors import PipelineError, SplitError, first_line
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.splitting import Split
from kerassplit_widget.models.splitting.manifest import Manifest
from kerassplit_widget.structure.arguments import whole_number

__all__ = ["RayPipeline"]

START_TIMEOUT = 180.0
"""Seconds in which all actors have to have loaded their parts: each of them imports Keras first."""

PING_TIMEOUT = 5.0
"""Seconds in which an actor has to say that it is there."""


class RayPipeline:
    """A split whose parts run on Ray actors, so that several batches are under way at a time.

    Each part is saved, sent to an actor and loaded there; nothing else of the model goes along. Tensors go from actor
    to actor, not through this process. It computes what ``model(x, training=False)`` computes.

    Parameters
    ----------
    split : Split
        Changes of its weights later on do not reach the actors.
    options : mapping, or sequence of mappings, optional
        Options of every actor, or of each: what ``ray.remote`` takes, such as ``{"num_gpus": 1}`` or
        ``{"resources": {"edge_1": 1}}``.
    custom_objects : mapping of str to object, optional
        Layers of your own, as `keras.saving.load_model` takes them. Parts are loaded in Keras's safe mode.
    start_timeout : float
        Seconds in which the actors have to be ready.

    Raises
    ------
    PipelineError
        If Ray is not installed or does not start, there are not as many options as parts, an actor is not ready in
        time, or it cannot load its part.
    SplitError
        If it is given no `Split`, or a part cannot be saved.

    Notes
    -----
    If Ray is not running, it is started on this machine and stopped again by `close`. To use a cluster, call
    ``ray.init(...)`` before; its machines need this package. Whether Ray reports usage statistics is Ray's own
    setting, ``RAY_USAGE_STATS_ENABLED``.

    Examples
    --------
    ::

        with ks.RayPipeline(ks.split(model, ["middle"])) as pipeline:
            for result in pipeline.map(batches):
                ...
    """

    def __init__(
        self,
        split: Split,
        *,
        options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        custom_objects: Mapping[str, Any] | None = None,
        start_timeout: float = START_TIMEOUT,
    ) -> None:
        if not isinstance(split, Split):
            raise SplitError(
                f"A pipeline runs the parts of a Split; found {type(split).__name__}: {split!r:.80}. "
                "Give ks.split(model, cuts)."
            )
        self._ray = _ray()
        self._manifest = split.manifest
        self._actors: list[Any] = []
        self._open, self._own = True, False
        wanted = [options or {}] * len(split) if options is None or isinstance(options, Mapping) else list(options)
        if len(wanted) != len(split):
            raise PipelineError(
                f"options= has {len(wanted)} entries, but the split has {len(split)} parts: give one for each, or one "
                "mapping for all."
            )
        files = _files(split)
        try:
            if not self._ray.is_initialized():
                self._own = True
                self._launch()
            self._start(files, wanted, dict(custom_objects or {}), start_timeout)
        except BaseException:
            self.close()
            raise

    def _launch(self) -> None:
        try:
            self._ray.init(include_dashboard=False, log_to_driver=False)
        except Exception as error:
            raise PipelineError(
                f"Ray could not be started on this machine: {first_line(error)}. Try again, or start it yourself "
                "before: ray.init(...)."
            ) from error

    def _start(
        self,
        files: Sequence[bytes],
        options: Sequence[Mapping[str, Any]],
        custom_objects: dict[str, Any],
        timeout: float,
    ) -> None:
        end = time.monotonic() + timeout
        # Another backend than this process has would compute other numbers.
        environment = {"runtime_env": {"env_vars": {"KERAS_BACKEND": keras.backend.backend()}}}
        remote = self._ray.remote(_Part)
        self._actors = [remote.options(**{**environment, **each}).remote() for each in options]
        loading = [
            actor.load.remote(i, self._manifest, file, custom_objects)
            for i, (actor, file) in enumerate(zip(self._actors, files, strict=True))
        ]
        for i, ready in enumerate(loading):
            try:
                self._get([ready], timeout=max(0.0, end - time.monotonic()))
            except self._ray.exceptions.GetTimeoutError:
                asked = f" with {dict(options[i])}" if options[i] else ""
                raise PipelineError(
                    f"Ray has not started the actor of part_{i + 1}{asked} within {timeout:g} s. It has "
                    f"{self._ray.cluster_resources()}: ask for less in options=, or wait longer, start_timeout=."
                ) from None

    def __len__(self) -> int:
        return len(self._manifest.wires)

    def __call__(self, inputs: Any) -> Any:
        """Compute what the model computes, part after part.

        Parameters
        ----------
        inputs : tensor or structure of tensors
            As the model takes them.

        Returns
        -------
        tensor or structure of tensors
            As the model returns them.

        Raises
        ------
        PipelineError
            If a part fails, its actor is gone, or the pipeline is closed.
        SplitError
            If the inputs have another structure than the model's.
        """
        return self._result(self._send(inputs))

    def map(self, batches: Iterable[Any], *, ahead: int | None = None) -> Iterator[Any]:
        """Compute batch after batch, each actor working on another one.

        Parameters
        ----------
        batches : iterable
            Each as the model takes it. They are drawn as they are needed.
        ahead : int, optional
            How many batches are under way at most; by default one more than there are parts.

        Yields
        ------
        tensor or structure of tensors
            The results, in the order of the batches.

        Raises
        ------
        PipelineError
            At the batch where a part fails; the results of those before have been yielded. The pipeline can be used
            again if its actors live.
        """
        most = len(self) + 1 if ahead is None else whole_number("ahead", ahead, error=PipelineError)
        return self._mapped(batches, most)

    def _mapped(self, batches: Iterable[Any], most: int) -> Iterator[Any]:
        under_way: deque[dict[str, Any]] = deque()
        done = 0
        for batch in batches:
            under_way.append(self._send(batch))
            if len(under_way) == most:
                yield self._result(under_way.popleft(), f"batch {done}: ")
                done += 1
        while under_way:
            yield self._result(under_way.popleft(), f"batch {done}: ")
            done += 1

    def close(self) -> None:
        """End the actors, and Ray if it was started for them. Doing so twice does no harm."""
        self._open = False
        actors, self._actors = self._actors, []
        for actor in actors:
            self._ray.kill(actor)
        if self._own:
            self._own = False
            self._ray.shutdown()

    def __enter__(self) -> RayPipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = f"on {len(self)} actors" if self._open else "closed"
        return f"<RayPipeline of {self._manifest.model!r}, {state}>"

    def _send(self, inputs: Any) -> dict[str, Any]:
        """Set a batch on its way: references to all tensors by name, none of which has to be there yet."""
        if not self._open:
            raise PipelineError("The pipeline is closed: make it again, ks.RayPipeline(split).")
        manifest = self._manifest
        known = {name: self._ray.put(_array(value)) for name, value in manifest.match_inputs(inputs).items()}
        for actor, wire in zip(self._actors, manifest.wires, strict=True):
            count = len(wire.returns)
            results = actor.compute.options(num_returns=count).remote(*(known[name] for name in wire.takes))
            known.update(zip(wire.returns, [results] if count == 1 else results or [], strict=True))
        return known

    def _result(self, known: Mapping[str, Any], where: str = "") -> Any:
        """Wait for the outputs of a batch."""
        manifest = self._manifest
        names = list(dict.fromkeys(keras.tree.flatten(manifest.outputs)))
        values = self._get([known[name] for name in names], where=where)
        return manifest.pack_outputs(dict(zip(names, map(internals.as_tensor, values), strict=True)))

    def _get(self, references: list[Any], where: str = "", timeout: float | None = None) -> list[Any]:
        errors = self._ray.exceptions
        try:
            values: list[Any] = self._ray.get(references, timeout=timeout)
            return values
        except errors.RayActorError as error:
            raise PipelineError(f"{where}{self._gone()}: {first_line(error)}") from error
        except errors.RayTaskError as error:
            cause: BaseException = error
            while isinstance(cause, errors.RayTaskError) and cause.cause is not cause:
                cause = cause.cause
            raise PipelineError(f"{where}{first_line(cause, 240)}") from error

    def _gone(self) -> str:
        """Find out which actors are no longer there."""
        gone = []
        for i, actor in enumerate(self._actors, 1):
            try:
                self._ray.get(actor.ping.remote(), timeout=PING_TIMEOUT)
            except self._ray.exceptions.RayActorError:
                gone.append(f"part_{i}")
            except self._ray.exceptions.GetTimeoutError:
                continue  # at work on something long
        of = f" of {' and '.join(gone)}" if gone else ""
        return f"The actor{of} has died; close the pipeline and make it again"


class _Part:
    """Lives in a process of Ray's and computes one part."""

    def load(self, index: int, manifest: Manifest, file: bytes, custom_objects: dict[str, Any]) -> None:
        self.index, self.manifest = index, manifest
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"part_{index + 1}.keras"
            path.write_bytes(file)
            try:
                self.part = keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=True)
            except Exception as error:
                raise PipelineError(f"part_{index + 1} cannot be loaded by its actor: {first_line(error)}") from None

    def compute(self, *given: Any) -> Any:
        """Compute from the arrays that the part takes those that it returns: one by itself, several as a list."""
        takes = self.manifest.wires[self.index].takes
        try:
            known = dict(zip(takes, map(internals.as_tensor, given), strict=True))
            results = self.part(self.manifest.pack_inputs(self.index, known), training=False)
            arrays = [_array(value) for value in keras.tree.flatten(results)]
        except Exception as error:
            raise PipelineError(f"part_{self.index + 1} does not run on this: {first_line(error)}") from None
        return arrays[0] if len(arrays) == 1 else arrays

    def ping(self) -> None:
        """Do nothing: the actor lives."""


def _ray() -> Any:
    try:
        return import_module("ray")  # by its name: the extra may be missing, for type checkers too
    except ImportError:
        raise PipelineError(
            'RayPipeline needs Ray, which is not installed: pip install "kerassplit-widget[ray]"'
        ) from None


def _files(split: Split) -> list[bytes]:
    """Save the parts and return their files."""
    with tempfile.TemporaryDirectory() as folder:
        split.save(Path(folder) / "split")
        return [(Path(folder) / "split" / f"part_{i}.keras").read_bytes() for i in range(1, len(split) + 1)]


def _array(value: Any) -> Any:
    return None if value is None else keras.ops.convert_to_numpy(value)
