"""Masks across cuts.

Keras lets a mask travel as an attribute of a tensor (``mask_zero=True`` and what follows). The attribute is lost when
the tensor leaves the process as numbers, and what comes after would silently compute without it. So the head hands the
mask over as a tensor of its own, and the tail puts it back. Keras's attention takes the masks off the very tensors that
it is called on; where a part calls in another order than the model did, attention gets a copy to take them off. Parts
that need these layers say so when they are loaded where this package is not installed.
"""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["AttachMask", "CopyTensor", "TakeMask"]


@keras.saving.register_keras_serializable(package="kerassplit_widget")
class TakeMask(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Return the mask that travels with a tensor, as a tensor of booleans; all true when there is none."""

    def __init__(self, rank: int = 2, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.rank = rank
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask, or ones of the shape of the first dimensions of the tensor."""
        if mask is None:
            return keras.ops.ones(keras.ops.shape(inputs)[: self.rank], dtype="bool")
        return keras.ops.cast(mask, "bool")

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> keras.KerasTensor:
        """Describe the mask."""
        return keras.KerasTensor(inputs.shape[: self.rank], dtype="bool")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """Give the mask no mask of its own."""

    def get_config(self) -> dict[str, Any]:
        """Describe the layer for saving."""
        return {**super().get_config(), "rank": self.rank}


@keras.saving.register_keras_serializable(package="kerassplit_widget")
class AttachMask(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Return the first of two tensors with the second as its mask."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self._convert_input_args = False

    def call(self, inputs: Any) -> Any:
        """Return a copy of the tensor, on which Keras sets the mask: others may read it without one."""
        return keras.ops.copy(inputs[0])

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Describe the tensor."""
        return keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask that was given."""
        return inputs[1]


@keras.saving.register_keras_serializable(package="kerassplit_widget")
class CopyTensor(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Return a tensor as another object, with the mask that travels with it or without one."""

    def __init__(self, masked: bool = True, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.masked = masked
        self.supports_masking = True
        self._convert_input_args = False

    def call(self, inputs: Any) -> Any:
        """Return the copy; Keras sets the mask."""
        return keras.ops.copy(inputs)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Describe the tensor."""
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the tensor, or none."""
        return previous_mask if self.masked else None

    def get_config(self) -> dict[str, Any]:
        """Describe the layer for saving."""
        return {**super().get_config(), "masked": self.masked}
