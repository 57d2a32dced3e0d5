"""Figures look as they looked when somebody last looked at them.

After a change that is meant, look at the figures and run ``python -m tests.display.test_figures_images``.
"""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread, imsave

import kerassplit_widget as ks
from kerassplit_widget.display.figures import plot_landscape, plot_stages

from ..models import zoo

FOLDER = Path(__file__).parents[1] / "data" / "figures"
DOTS = 24
"""Dots an inch of the kept images: letters are grey, so that a release's fonts do not matter."""

FINER = 6


def made():
    unet = zoo.unet()
    return {
        "residual": ks.plot(zoo.residual(), cuts=["conv", "pool"]),
        "unet_kinds": ks.plot(unet, cuts=["bottom"], colour="kind", width=3.5),
        "unet_right": ks.plot(unet, only=("pool_2", "merge_1"), colour="params", direction="right"),
        "landscape": plot_landscape(unet, cuts=["pool_1", "bottom"], width=5),
        "stages": plot_stages(ks.plan(unet, cuts=["pool_1", "bottom"], bandwidth=1e7)),
    }


def grey(figure):
    """Draw a figure and average it down to DOTS an inch; from 0 to 255."""
    figure.set_dpi(DOTS * FINER)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    fine = np.asarray(canvas.buffer_rgba())[..., :3].mean(axis=2)
    high, wide = (size - size % FINER for size in fine.shape)
    return fine[:high, :wide].reshape(high // FINER, FINER, wide // FINER, FINER).mean(axis=(1, 3))


def difference(a, b):
    """Compare two images: the mean difference, and the largest mean of a field of 8 by 8 dots, in levels of grey."""
    apart = np.abs(a - b)
    high, wide = (size // 8 for size in apart.shape)
    return apart.mean(), apart[: 8 * high, : 8 * wide].reshape(high, 8, wide, 8).mean(axis=(1, 3)).max()


@pytest.fixture(scope="module")
def figures():
    return made()


@pytest.mark.parametrize("name", ["residual", "unet_kinds", "unet_right", "landscape", "stages"])
def test_a_figure_looks_as_it_did(figures, name):
    now, before = grey(figures[name]), 255 * imread(FOLDER / f"{name}.png")[..., 0]
    high, wide = map(min, now.shape, before.shape)
    assert np.ptp([now.shape, before.shape], axis=0).max() <= 1  # versions of matplotlib round the size of a page
    mean, worst = difference(now[:high, :wide], before[:high, :wide])
    assert mean < 2 and worst < 12, f"{name}: {mean:.2f} levels of grey apart on average, {worst:.1f} where it is most"


def test_the_comparison_sees_what_people_see(figures):
    other = grey(ks.plot(zoo.residual(), cuts=["stem", "pool"]))
    same = grey(figures["residual"])
    wide = min(other.shape[1], same.shape[1])
    mean, worst = difference(other[:, :wide], same[:, :wide])
    assert mean >= 2 or worst >= 12
    blank = np.full_like(grey(figures["stages"]), 255.0)
    assert difference(blank, grey(figures["stages"]))[1] > 16


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, figure in made().items():
        imsave(FOLDER / f"{name}.png", grey(figure), cmap="gray", vmin=0, vmax=255, pil_kwargs={"optimize": True})
