import io

import matplotlib.patches
import numpy as np
import pytest

import kerassplit_widget as ks

from ..models import zoo


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_call_has_a_box_with_its_name_and_shape():
    figure = ks.plot(zoo.unet())
    boxes = [p for p in figure.axes[0].patches if isinstance(p, matplotlib.patches.FancyBboxPatch)]
    assert len(boxes) == len(ks.read(zoo.unet()))
    assert "bottom" in texts(figure) and "Conv2D · 4×4×32" in texts(figure)


def test_parts_have_colours_and_cuts_say_what_crosses():
    figure = ks.plot(zoo.residual(), cuts=["conv", "pool"])
    assert "cut after conv: 2 tensors, 2.0 kB" in texts(figure)
    colours = {tuple(np.round(p.get_facecolor(), 2)) for p in figure.axes[0].patches}
    assert len(colours) == 3


def test_names_are_drawn_as_they_are():
    figure = ks.plot(zoo.hostile_names(), cuts=["<img src=q onerror=alert(1)>"])
    assert "<img src=q onerror=alert(1)>"[:13] in " ".join(texts(figure))
    assert "${out}" in texts(figure)
    figure.savefig(io.BytesIO(), format="svg")


def test_bad_cuts_are_refused():
    with pytest.raises(ks.SplitError, match="no call 'nope'"):
        ks.plot(zoo.residual(), cuts=["nope"])
