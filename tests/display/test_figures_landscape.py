import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.text import Text

import kerassplit_widget as ks
from kerassplit_widget.display.figures import plot_landscape, plot_stages
from kerassplit_widget.display.figures.landscape import crossing_bytes
from kerassplit_widget.structure.cuts import cut_of

from ..models import zoo


def chain(n=6):
    return keras.Sequential([keras.Input((4,)), *(layers.Dense(8, name=f"d{i}") for i in range(n))], name="chain")


@pytest.mark.parametrize("make", [zoo.residual, zoo.unet, zoo.siamese, zoo.masked_lstm, zoo.masked_attention])
def test_what_crosses_is_what_the_cut_at_that_place_crosses(make):
    graph = ks.read(make())
    crossing = crossing_bytes(graph, batch_size=3)
    order = [n for n, call in enumerate(graph) if not call.is_input]
    assert len(crossing) == len(order) - 1
    for place, nbytes in enumerate(crossing):
        assert cut_of(graph, order[: place + 1]).nbytes(3) == nbytes


def test_unknown_sizes_are_not_taken_for_nothing():
    assert crossing_bytes(ks.read(zoo.unknown_dims())) is None
    with pytest.raises(ks.SplitError, match="input_shapes"):
        plot_landscape(zoo.unknown_dims())


def test_the_panels_share_their_axis_and_say_their_units():
    upper, lower = plot_landscape(zoo.unet()).axes
    assert upper.get_xlim() == lower.get_xlim() == (0, len(ks.read(zoo.unet())) - 1)
    assert (upper.get_position().x0, upper.get_position().x1) == (lower.get_position().x0, lower.get_position().x1)
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("bytes crossing", "before, %")
    assert lower.get_xlabel() == "calls before the cut"


@pytest.mark.parametrize(("x", "total"), [("depth", 17), ("macs", 1_589_248), ("params", 15_249)])
def test_the_axis_may_be_work_or_parameters(x, total):
    table = ks.costs(zoo.unet())
    assert {"depth": 17, "macs": table.total_macs, "params": table.total_params}[x] == total
    axes = plot_landscape(zoo.unet(), x=x).axes[1]
    assert axes.get_xlim() == (0, total)
    for line in axes.lines:
        if len(line.get_xdata()) > 2:
            assert line.get_xdata()[-1] == total and line.get_ydata()[-1] == pytest.approx(100)


def test_shares_are_those_of_the_costs():
    axes = plot_landscape(chain()).axes[1]
    (params,) = (line for line in axes.lines if str(line.get_label()).startswith("parameters"))
    counted = np.cumsum([row.params for row in ks.costs(chain()) if row.kind != "InputLayer"])
    assert np.allclose(params.get_ydata()[1:], 100 * counted / counted[-1])


def test_cuts_stand_where_they_cut():
    figure = plot_landscape(zoo.unet(), cuts=["bottom", "pool_0"])
    for axes in figure.axes:
        upright = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
        assert upright == [2, 7]
    said = [text.get_text() for text in figure.axes[0].texts]
    assert "bottom\n4 tensors, 30.0 kB" in said and "part 3" in said


def test_a_plan_is_dashed_and_brings_its_options():
    x = keras.Input((None, 4))
    model = keras.Model(x, layers.Dense(2)(layers.LSTM(8)(layers.Dense(8)(x))))
    plan = ks.plan(model, parts=3, input_shapes=(5, 4))
    lines = plot_landscape(model, plan=plan).axes[0].lines
    assert [line.get_linestyle() for line in lines if len(set(line.get_xdata())) == 1] == ["--", "--"]


def test_without_cuts_the_lowest_place_of_each_third_is_named():
    model = keras.Sequential(
        [keras.Input((4,)), *(layers.Dense(n, name=f"d{i}") for i, n in enumerate([9, 3, 9, 9, 2, 9, 9, 1, 9]))]
    )
    said = [text.get_text() for text in plot_landscape(model).axes[0].texts]
    assert said == ["d1\n12 B", "d4\n8 B", "d7\n4 B"]


def test_a_candidate_is_named_where_it_is_cheaper_than_the_place_beside_it():
    x = keras.Input((4,), name="x")
    y = layers.Dense(9, name="stem")(x)
    first = layers.Dense(2, name="first")(y)
    small = layers.Dense(1, name="small")(y)
    model = keras.Model(x, [first, layers.Dense(5, name="second")(layers.Dense(7, name="wide")(small))])
    said = [text.get_text() for text in plot_landscape(model).axes[0].texts]
    graph = ks.read(model)
    named = [text.split("\n")[0] for text in said]
    assert all(" + " not in name for name in named) and set(named) <= set(graph.names), said


def test_several_points_say_how_many_tensors_cross():
    x = keras.Input((4,), name="x")
    y = layers.Dense(3, name="a")(x)
    model = keras.Model(x, [layers.Dense(2, name="b")(y), layers.Dense(2, name="c")(layers.Dense(5, name="d")(y))])
    said = [text.get_text() for text in plot_landscape(model, cuts=[("b", "d")]).axes[0].texts]
    assert "d + 1\n1 tensor, 20 B" in said


def test_the_axis_of_bytes_is_logarithmic_only_over_decades():
    assert plot_landscape(chain()).axes[0].get_yscale() == "linear"
    wide = keras.Sequential([keras.Input((4,)), *(layers.Dense(n) for n in (4000, 2, 3000, 5, 1))])
    axes = plot_landscape(wide).axes[0]
    assert axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["16 B", "256 B", "4 kB"]


@pytest.mark.parametrize("width", [3.5, 7.0])
def test_nothing_is_outside_of_the_figure(width):
    figure = plot_landscape(zoo.unet(), cuts=["pool_0", "down_1", "pool_1", "bottom", "merge_0"], width=width)
    assert figure.get_size_inches()[0] == pytest.approx(width)
    figure.draw_without_rendering()
    wide, high = figure.bbox.size
    named = [text for text in figure.axes[0].texts if "\n" in text.get_text()]
    spots = [Text.get_window_extent(text) for text in named]  # without the line that leads to it
    assert len(spots) == 5
    for box in spots:
        assert box.x0 >= -1 and box.x1 <= wide + 1 and box.y0 >= 0 and box.y1 <= high + 1
    assert not any(a.overlaps(b) for i, a in enumerate(spots) for b in spots[:i])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x": "time"}, "x= is one of depth, macs and params; found 'time'"),
        ({"width": 500}, "from 1 to 100; found 500"),
        ({"cuts": ["nope"]}, "no call 'nope'"),
    ],
)
def test_bad_arguments_are_refused(options, said):
    with pytest.raises(ks.SplitError, match=said):
        plot_landscape(zoo.residual(), **options)


def test_what_cannot_be_cut_has_no_landscape():
    with pytest.raises(ks.SplitError, match="no place between two"):
        plot_landscape(chain(1))
    with pytest.raises(ks.SplitError, match="'chain' has 1 call: there"):
        plot_landscape(chain(1))
    pools = keras.Sequential([keras.Input((8,)), layers.ReLU(), layers.ReLU()])
    with pytest.raises(ks.SplitError, match="take x='depth'"):
        plot_landscape(pools, x="params")


def widths(axes, what):
    bars = next(each for each in axes.containers if each.get_label() == what)
    return [patch.get_width() for patch in bars]


def test_bars_add_up_to_the_loads():
    plan = ks.plan(zoo.unet(), parts=3, bandwidth=1e6, hop=0.004)
    axes = plot_stages(plan).axes[0]
    assert widths(axes, "computing") == pytest.approx([stage.compute for stage in plan.stages])
    loads = np.sum([[patch.get_width() for patch in bars] for bars in axes.containers], axis=0)
    assert loads == pytest.approx([stage.load for stage in plan.stages])
    assert widths(axes, "sending") == pytest.approx([stage.sent / 1e6 for stage in plan.stages])
    assert widths(axes, "receiving") == pytest.approx([stage.received / 1e6 for stage in plan.stages])
    assert widths(axes, "waiting for the link") == pytest.approx([0, 0.004, 0.004])


def test_a_latency_plan_sends_from_the_device_and_waits_at_the_server():
    plan = ks.plan(zoo.unet(), objective="latency", device_speed=1e6, bandwidth=1e6, round_trip=0.01)
    axes = plot_stages(plan).axes[0]
    device, server = plan.stages
    assert server.received > 0
    assert widths(axes, "sending") == pytest.approx([device.sent / 1e6, 0])
    assert widths(axes, "waiting for the link") == pytest.approx([0, 0.01])


@pytest.mark.parametrize(
    ("speed", "ticks", "load"),
    [(6e11, ["0", "0.2 ns", "0.4 ns", "0.6 ns"], "0.68 ns"), (1e9, ["0", "150 ns", "300 ns"], "408 ns")],
)
def test_times_are_in_one_unit_along_their_axis(speed, ticks, load):
    axes = plot_stages(ks.plan(chain(), parts=2, speed=speed, bandwidth=np.inf)).axes[0]
    axes.figure.draw_without_rendering()
    assert [label.get_text() for label in axes.get_xticklabels()] == ticks
    assert load in [text.get_text() for text in axes.texts]


def test_a_plan_for_memory_has_bars_of_bytes():
    plan = ks.plan(zoo.unet(), parts=3, objective="memory")
    axes = plot_stages(plan, width=3.5).axes[0]
    assert axes.get_xlabel() == "bytes held"
    assert widths(axes, "held") == [stage.memory for stage in plan.stages]


def test_an_axis_of_work_says_when_some_is_unknown():
    x = keras.Input((64,), name="x")
    y = keras.ops.reshape(keras.layers.Dense(64, name="a")(x), (-1, 8, 8))
    model = keras.Model(x, keras.layers.Dense(2, name="b")(keras.ops.svd(y)[1]), name="svd")
    assert plot_landscape(model, x="macs").axes[1].get_xlabel() == "multiply-adds before the cut, as far as known"
    assert plot_landscape(zoo.unet(), x="macs").axes[1].get_xlabel() == "multiply-adds before the cut"


def test_a_plan_may_be_given_for_cuts():
    model = zoo.residual()
    plan = ks.plan(model, 2)
    assert ks.plot_landscape(model, plan).axes
    with pytest.raises(ks.SplitError, match=r"plan= is a Plan, as ks\.plan returns it; found 3"):
        ks.plot_landscape(model, plan=3)
