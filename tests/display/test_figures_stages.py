"""`plot_stages`: what it takes, and where its labels stand."""

import keras
import pytest

import kerassplit_widget as ks


def growing():
    """A model of which a plan in three has parts of about the same load."""
    x = keras.Input((64, 64, 3), name="image")
    y = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="conv0")(x)
    y = keras.layers.MaxPooling2D(name="pool0")(y)
    for i in (1, 2, 3):
        z = keras.layers.Conv2D(8 * 2**i, 3, padding="same", name=f"conv{i}")(y)
        y = keras.layers.Concatenate(name=f"join{i}")([y, z])
        y = keras.layers.MaxPooling2D(name=f"pool{i}")(y)
    return keras.Model(x, keras.layers.Dense(10)(keras.layers.Flatten()(y)))


@pytest.mark.parametrize("width", [None, 3.5])
@pytest.mark.parametrize("options", [{}, {"cuts": ["pool0", "pool1"]}, {"objective": "memory"}])
def test_no_line_runs_through_a_label(options, width):
    plan = ks.plan(growing(), parts=3, speed=1e10, bandwidth=125e6, **options)
    figure = ks.plot_stages(plan, width=width)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    lines = [axes.transData.transform((line.get_xdata()[0], 0))[0] for line in axes.lines]
    assert lines and len(axes.texts) == 3
    for text in axes.texts:
        box = text.get_window_extent()
        assert not [x for x in lines if box.x0 - 1 < x < box.x1 + 1], text.get_text()


@pytest.mark.parametrize("thing", [None, "plan", {"stages": ()}])
def test_what_is_no_plan_is_refused(thing):
    with pytest.raises(
        ks.SplitError, match=r"The stages are those of a Plan; found .*Give ks\.plan\(model, parts=4\)\."
    ):
        ks.plot_stages(thing)
