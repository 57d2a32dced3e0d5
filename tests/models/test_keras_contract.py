"""Everything private that `keras_internals` uses of Keras, each with the sentence to read when it has moved."""

import inspect

import keras
import pytest
from keras.src.backend import SUPPORTS_SPARSE_TENSORS
from keras.src.backend.common import global_state
from keras.src.models.functional import Functional, clone_graph_nodes
from keras.src.ops.node import Node
from keras.src.ops.symbolic_arguments import SymbolicArguments

import kerassplit_widget as ks
from kerassplit_widget.models import keras_internals as internals
from kerassplit_widget.models.hidden import HiddenMasks
from kerassplit_widget.models.reading import read_steps
from kerassplit_widget.models.twins import Twins

from . import zoo


def test_functional_and_sequential_hold_their_graph_where_we_read_it():
    model = zoo.residual()
    assert isinstance(model, Functional), "keras.Model(inputs, outputs) is no longer keras.src's Functional"
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    assert all(isinstance(node, Node) for node in nodes), "Functional._nodes_by_depth no longer maps depths to nodes"
    assert isinstance(zoo.sequential()._functional, Functional), "Sequential._functional has moved"
    assert keras.Sequential([keras.layers.Dense(2)])._functional is None, "an unbuilt Sequential has a graph now"


def test_walking_depths_downwards_is_a_topological_order():
    seen = set()
    for node in internals.nodes_in_order(zoo.unet(depth=4)):
        for tensor in node.input_tensors:
            assert id(tensor) in seen, "walking _nodes_by_depth downwards is no longer topological"
        seen.update(id(tensor) for tensor in node.outputs)


def test_a_node_knows_operation_arguments_and_outputs():
    model = zoo.recurrent()
    node = model.get_layer("decoder")._inbound_nodes[0]
    assert node.operation is model.get_layer("decoder"), "Node.operation has moved"
    assert len(node.arguments.kwargs["initial_state"]) == 2, "Node.arguments.kwargs has moved"
    assert isinstance(node.arguments.args[0], keras.KerasTensor), "Node.arguments.args has moved"
    assert len(node.input_tensors) == 3, "Node.input_tensors has moved"
    assert node.is_input is False, "Node.is_input has moved"
    doubled, _ = node.arguments.convert(lambda x: (x, x) if isinstance(x, keras.KerasTensor) else x)
    assert len(doubled[0]) == 2, "SymbolicArguments.convert has moved"


def test_the_single_tensor_case_is_recognised():
    single, many = zoo.residual().get_layer("conv")._inbound_nodes[0], zoo.residual().get_layer("add")._inbound_nodes[0]
    assert single.arguments._single_positional_tensor is single.arguments.args[0], "_single_positional_tensor has moved"
    assert many.arguments._single_positional_tensor is None, "_single_positional_tensor means something else"


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_arguments_and_nodes_are_written_as_keras_itself_writes_them(make):
    for step in read_steps(make()).steps:
        node = step.node
        if node.is_input:
            continue
        fresh = {id(tensor): internals.input_like(tensor, f"t{i}") for i, tensor in enumerate(node.input_tensors)}
        ours = internals.refill(node, lambda tensor, fresh=fresh: fresh[id(tensor)])
        keras_s = SymbolicArguments(*ours.args, **ours.kwargs)
        assert vars(ours).keys() == vars(keras_s).keys(), "SymbolicArguments holds other things now"
        for name in ("_flat_arguments", "keras_tensors"):
            assert list(map(id, getattr(ours, name))) == list(map(id, getattr(keras_s, name))), f"{name} has moved"
        assert ours._single_positional_tensor is keras_s._single_positional_tensor
        assert keras.tree.map_structure(id, (ours.args, ours.kwargs)) == keras.tree.map_structure(
            id, (keras_s.args, keras_s.kwargs)
        )
        a, b = Twins().of(node.operation), Twins().of(node.operation)
        outputs = internals.write_node(a, ours, node.outputs).outputs
        theirs = [internals.copy_tensor(tensor) for tensor in node.outputs]
        Node(operation=b, call_args=keras_s.args, call_kwargs=keras_s.kwargs, outputs=theirs)
        mine, of_keras = a._inbound_nodes[-1], b._inbound_nodes[-1]
        assert vars(mine).keys() == vars(of_keras).keys(), "Node holds other things now"
        assert mine.is_input == of_keras.is_input and mine.operation is a
        for x, y in zip(outputs, theirs, strict=True):
            assert vars(x).keys() == vars(y).keys(), "KerasTensor holds other things now"
            assert x._keras_history[1:] == y._keras_history[1:] and x._keras_history.operation is a
        for tensor in node.input_tensors:
            made = internals.maker_of(fresh[id(tensor)])._outbound_nodes
            assert made.count(mine) == made.count(of_keras) >= 1, "Operation._outbound_nodes means something else"


def kind(value):
    """Name the type of a value; in what containers are wrapped differs between versions of Keras."""
    return next((cls for cls in (list, dict, set) if isinstance(value, cls)), type(value))


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_a_functional_is_written_as_keras_itself_makes_it(make):
    model = make()
    calls = [call.name for call in ks.read(model) if not call.is_input]
    for part in ks.split(model, [calls[len(calls) // 2 - 1]]):
        theirs = keras.Model(part._inputs_struct, part._outputs_struct, name=part.name)
        # beside what a part has that is fed masks, see `take_masked`
        written = {key: value for key, value in vars(part).items() if key != "compute_mask"}
        assert list(written) == list(vars(theirs)), "a Functional has other attributes than we write"
        kinds = [{key: kind(value) for key, value in each.items()} for each in (written, vars(theirs))]
        assert kinds[0] == kinds[1], "attributes of a Functional have other types than we write"
        for name in ("_operations", "_layers", "output_names", "_inputs", "_outputs"):
            assert [*getattr(part, name)] == [*getattr(theirs, name)], f"Keras writes {name} in another way"
        for name in ("_nodes", "_operations_by_depth"):
            assert getattr(part, name) == getattr(theirs, name), f"Keras writes {name} in another way"
        held = [vars(each._operations) if hasattr(each._operations, "__dict__") else {} for each in (part, theirs)]
        apart = {"_self_attribute_sentinel"}  # one for each list
        assert held[0].keys() == held[1].keys(), "TensorFlow keeps other books on a list"
        assert all(held[0][key] == held[1][key] for key in held[0].keys() - apart), "TensorFlow keeps other books"
        depths = [{d: set(nodes) for d, nodes in each._nodes_by_depth.items()} for each in (part, theirs)]
        assert depths[0] == depths[1], "Keras finds other depths"
        assert part.get_config() == theirs.get_config()
        assert [v.path for v in part.weights] == [v.path for v in theirs.weights]


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_a_twin_keeps_books_on_what_it_owns_as_keras_does(make):
    for layer in make().layers:
        twin = object.__new__(type(layer))
        internals.fill_layer(twin, layer)
        books, theirs = twin._tracker, layer._tracker
        owned = {id(each) for name in theirs.config for each in getattr(layer, f"_{name}")}
        assert set().union(*books.stored_ids.values()) == owned, "a Tracker has other stores"
        assert vars(books).keys() - {"_cls", "_state"} == vars(theirs).keys(), "a Tracker has other attributes"
        assert all(books.config[name][1] is getattr(twin, f"_{name}") for name in theirs.config), "stores have moved"
        assert books.locked == theirs.locked
        books.unlock()
        twin.extra = keras.layers.Dense(2)
        assert twin.extra in twin._layers and twin.extra not in layer._layers


def test_a_copy_of_a_tensor_belongs_to_no_graph():
    tensor = zoo.masked_lstm().get_layer("embed").output
    assert tensor._keras_mask is not None and tensor._keras_history.operation.name == "embed"
    copy = internals.copy_tensor(tensor)
    plain = keras.KerasTensor(tensor.shape, tensor.dtype, name=tensor.name)
    assert vars(copy) == vars(plain), "KerasTensor holds other things now"


def test_a_copy_of_probabilities_does_not_hold_the_logits_that_they_are_made_of():
    logits = keras.Input((3,))
    probabilities = keras.activations.softmax(logits)
    assert probabilities._keras_logits is logits
    plain = keras.KerasTensor(probabilities.shape, probabilities.dtype, name=probabilities.name)
    assert vars(internals.copy_tensor(probabilities)) == vars(plain)


@pytest.mark.parametrize(
    "kind",
    [{"dtype": "float32"}, {"dtype": "int32"}, {"dtype": "float32", "sparse": True}, {"dtype": None, "optional": True}],
)
def test_the_second_input_of_a_kind_is_as_keras_makes_it(kind):
    if kind.get("sparse") and not SUPPORTS_SPARSE_TENSORS:
        kind = {"dtype": "float64"}
    make, shape = internals.Inputs(), [2, None, 4]
    first = make(batch_shape=(None, 3), name="first", **kind)
    ours, theirs = make(batch_shape=shape, name="second", **kind), keras.Input(batch_shape=shape, name="second", **kind)
    assert {**vars(ours), "_keras_history": 0} == {**vars(theirs), "_keras_history": 0}, "KerasTensor has changed"
    mine, of_keras = internals.maker_of(ours), internals.maker_of(theirs)
    assert vars(mine).keys() == vars(of_keras).keys(), "an InputLayer holds other things now"
    own = {key for key, value in vars(of_keras).items() if type(value) in (str, int, bool, tuple, type(None))}
    assert {"_batch_shape", "_dtype", "sparse", "optional"} <= own
    assert {key: vars(mine)[key] for key in own} == {key: vars(of_keras)[key] for key in own}
    assert mine.get_config() == of_keras.get_config() and mine._input_tensor is ours
    [node], [like] = mine._inbound_nodes, of_keras._inbound_nodes
    assert vars(node).keys() == vars(like).keys() and node.is_input and node.outputs == [ours]
    assert internals.maker_of(first).get_config()["batch_shape"] == (None, 3)
    assert len(internals.maker_of(first)._inbound_nodes) == 1


@pytest.mark.parametrize("make", zoo.ALL, ids=lambda make: make.__name__)
def test_parameters_are_counted_as_keras_does(make):
    for layer in make().layers:
        assert internals.count_params(layer) == layer.count_params(), "Variable._shape has moved"


def test_parameters_are_those_that_a_layer_says_it_has():
    class Tied(keras.layers.Dense):
        @property
        def weights(self):
            return [self.kernel]

    layer = Tied(3)
    layer.build((None, 4))
    assert internals.count_params(layer) == layer.count_params() == 12


def test_a_node_is_written_as_keras_itself_writes_it():
    parameters = list(inspect.signature(Node.__init__).parameters)
    assert parameters == ["self", "operation", "call_args", "call_kwargs", "outputs"], (
        "Node() takes other arguments now"
    )
    assert "Node(" in inspect.getsource(inspect.getmodule(clone_graph_nodes)), (
        "Keras no longer clones graphs by writing nodes; check write_node"
    )


def test_a_tensor_knows_where_it_was_made():
    model = zoo.recurrent()
    assert internals.maker_of(model.get_layer("encoder").output[1]).name == "encoder", "_keras_history has moved"


def test_structures_of_inputs_and_outputs():
    model = zoo.structured()
    assert set(internals.input_structure(model)) == {"left", "right"}, "Function._inputs_struct has moved"
    assert set(internals.output_structure(model)) == {"main", "early", "same"}, "Function._outputs_struct has moved"


def test_layers_keep_their_variables_where_twins_look():
    layer = zoo.residual().get_layer("bn")
    assert len(layer._trainable_variables) == 2, "Layer._trainable_variables has moved"
    assert len(layer._non_trainable_variables) == 2, "Layer._non_trainable_variables has moved"
    for name in ("_losses", "_loss_ids", "_losses_override", "_inbound_nodes", "_outbound_nodes", "name"):
        assert name in vars(layer), f"Layer.{name} is no longer an attribute of the instance"


def test_a_twin_is_a_second_handle_on_the_same_layer():
    layer = zoo.residual().get_layer("bn")
    nodes = list(layer._inbound_nodes)
    twin = Twins(rename=lambda layer: "twin").of(layer)
    assert type(twin) is type(layer) and twin.name == "twin" and layer.name == "bn"
    assert [id(w) for w in twin.weights] == [id(w) for w in layer.weights]
    assert [id(w) for w in twin.trainable_weights] == [id(w) for w in layer.trainable_weights]
    twin(keras.Input((8, 8, 4)))
    assert layer._inbound_nodes == nodes and len(twin._inbound_nodes) == 1
    twin.trainable = False
    assert twin.trainable_weights == [] and len(layer.trainable_weights) == 2


def test_losses_of_a_twin_do_not_reach_the_layer():
    layer = keras.layers.Dense(2, activity_regularizer="l2", name="regular")
    model = keras.Model(x := keras.Input((3,)), layer(x))
    twin = Twins().of(layer)
    twin(keras.ops.ones((1, 3)))
    assert len(twin.losses) == 1 and layer.losses == [] and model.losses == []


def test_losses_of_the_last_call_are_kept_where_we_look():
    model = keras.Model(x := keras.Input((3,)), keras.layers.Dense(2, activity_regularizer="l2", name="regular")(x))
    model(keras.ops.ones((1, 3)))
    before = [float(loss) for loss in model.losses]
    put_back = internals.keep_losses(model)
    model(2 * keras.ops.ones((1, 3)))
    assert len(before) == 1 and [float(loss) for loss in model.losses] != before
    put_back()
    assert [float(loss) for loss in model.losses] == before, "Layer._losses has moved"


def test_a_call_can_be_asked_what_it_returns():
    x = keras.Input((4,), dtype="int32")
    node = internals.node_of(keras.layers.Concatenate()([x, x]))
    found = internals.observed_outputs(node, Twins().of(node.operation), {})
    assert found == [((None, 8), "int32")], "backend.compute_output_spec no longer follows calls"
    internals.declare(node.outputs[0], ((None, 7), "uint8"))
    told = (node.outputs[0].shape, node.outputs[0].dtype)
    assert told == ((None, 7), "uint8"), "KerasTensor keeps its shape and dtype elsewhere now"


def test_equality_and_reshapes_are_recorded_while_a_call_is_traced():
    x = keras.Input((4,))
    assert "__eq__" not in vars(keras.KerasTensor), "symbolic tensors have == now: recording_plainly() need not give it"
    with internals.recording_plainly():
        assert type(internals.maker_of(x == 0)).__name__ == "Equal"
        with internals.recording_plainly():
            pass
        assert isinstance(x == x * 2, keras.KerasTensor)
        assert (x == "x") is False and (x == None) is False  # noqa: E711
        made = keras.ops.reshape(x, (None, 2, 2))
    assert internals.maker_of(made).newshape == (-1, 2, 2), "ops.reshape no longer makes a Reshape of a new shape"
    assert (x == 0) is False


def test_keras_fills_masks_from_the_only_tensors_and_by_name():
    class Asks(keras.layers.Layer):
        def call(self, query, value=None, mask=None, query_mask=None, value_mask=None):
            seen.append([mask, query_mask, value_mask])
            return query

        def compute_output_spec(self, query, *args, **kwargs):
            return query

    class Marked(keras.layers.Layer):
        def compute_mask(self, inputs, previous_mask):
            return inputs > 0

        def call(self, x):
            return x * 1

    seen = []
    one, asks = Marked()(keras.ops.ones((1, 2))), Asks()
    asks(one)
    asks(one, one)
    filled = [[mask is not None for mask in masks] for masks in seen]
    assert filled == [[True, False, False], [False, True, True]], "Layer.__call__ fills masks otherwise now"
    x, z = keras.Input((2,)), keras.Input((2,))
    for args, names in ((x,), ["mask"]), ((x, z), ["query_mask", "value_mask"]):
        node = internals.node_of(asks(*args))
        fresh = {id(tensor): keras.Input((2,)) for tensor in args}
        hidden = HiddenMasks(node, asks, fresh, dict.fromkeys(map(id, args), (None, 2)))
        assert [*hidden.filled()] == names


def test_name_scopes_that_a_failed_call_leaves_open_are_closed():
    stack = global_state.get_global_attribute("name_scope_stack", [], set_to_default=True)
    before = list(stack)
    with internals.fresh_names():
        stack.append("left open")
    assert global_state.get_global_attribute("name_scope_stack") == before, "Keras keeps its name scopes elsewhere now"


@pytest.mark.parametrize("training", [None, False, True])
def test_layers_find_the_training_of_the_call_that_they_are_in(training):
    class Asks(keras.layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Trains(Asks):
        def call(self, x, training=True):
            return super().call(x, training)

    seen = []
    asks, around, trains = Asks(), Asks(), Trains()
    with internals.inside_call(around, training):
        assert internals.training_inside(asks) is training
        asks(keras.ops.ones((1, 3)))
    with internals.inside_call(trains, training):
        asks(keras.ops.ones((1, 3)))
    asks(keras.ops.ones((1, 3)))
    default = True if training is None else training
    assert seen == [training, default, None], "Layer._get_call_context has moved"
    node = Asks()
    with internals.inside_call(around, True):
        recorded = internals.node_of(node(keras.Input((3,)))).arguments.kwargs
    assert recorded == {"training": True}, "Keras no longer notes what a layer inside gets as training"


@pytest.mark.parametrize(
    "make", [zoo.residual, zoo.structured, zoo.siamese, zoo.nested], ids=lambda make: make.__name__
)
def test_a_fingerprint_sees_a_new_node_and_a_frozen_layer(make):
    model = make()
    before = internals.fingerprint(model)
    assert internals.fingerprint(model) == before
    layer = model.layers[-1]
    layer.trainable = False
    assert internals.fingerprint(model) != before
    layer.trainable = True
    assert internals.fingerprint(model) == before
    keras.Model(model.inputs, layer(keras.tree.map_structure(keras.ops.copy, layer.input)))
    assert internals.fingerprint(model) != before
