"""How sizes, shapes and lists are written in every sentence, table and picture."""

from __future__ import annotations

from collections.abc import Iterable

from kerassplit_widget.structure.graph import Tensor

__all__ = ["bytes_text", "count_text", "listed", "plural", "seconds_text", "shape_text", "tensor_text"]


def bytes_text(nbytes: int | None) -> str:
    """Write a number of bytes as Keras's summary does, 1 kB being 1,024 bytes; None is ``"size unknown"``.

    Examples
    --------
    >>> bytes_text(802816), bytes_text(12), bytes_text(None)
    ('784 kB', '12 B', 'size unknown')
    """
    return "size unknown" if nbytes is None else _scaled(nbytes, 1024, ("B", "kB", "MB", "GB", "TB"))


def count_text(count: int) -> str:
    """Write a count, e.g. ``"25.6 M"``.

    Examples
    --------
    >>> count_text(25636712), count_text(999)
    ('25.6 M', '999')
    """
    return _scaled(count, 1000, ("", "k", "M", "G", "T")).rstrip()


def plural(count: int, word: str) -> str:
    """Write how many there are of something.

    Examples
    --------
    >>> plural(1, "call"), plural(177, "call")
    ('1 call', '177 calls')
    """
    return f"{count} {word}{'' if count == 1 else 's'}"


def seconds_text(seconds: float) -> str:
    """Write a time, e.g. ``"12.3 ms"``.

    Examples
    --------
    >>> seconds_text(0.01234), seconds_text(2.5), seconds_text(0.0), seconds_text(6.8e-10), seconds_text(1e-15)
    ('12.3 ms', '2.50 s', '0 s', '0.68 ns', '1.00e-15 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= 0.9995 * size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.{1 if value >= 9.995 else 2}f} {unit}"
    if seconds >= 1e-12:
        return f"{seconds / 1e-9:.2g} ns"
    return f"{seconds:.2e} s" if seconds else "0 s"


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    """Write `value` in the first unit that keeps it below 1,000, with one decimal below 100."""
    place = 0
    while value >= 999.5 and place + 1 < len(units):
        value /= step
        place += 1
    digits = 0 if place == 0 or value >= 99.95 else 1
    return f"{value:.{digits}f} {units[place]}"


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Write a shape without its batch dimension, e.g. ``"14×14×1024"``; unknown is ``?``.

    Examples
    --------
    >>> shape_text((None, 14, None, 1024)), shape_text((None,))
    ('14×?×1024', 'scalar')
    """
    return "×".join("?" if dim is None else str(dim) for dim in shape[1:]) or "scalar"


def tensor_text(tensor: Tensor) -> str:
    """Write a tensor as ``name (shape dtype)``."""
    return f"{tensor.name} ({shape_text(tensor.shape)} {tensor.dtype})"


def listed(items: Iterable[str]) -> str:
    """Join words as in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    words = list(items)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
