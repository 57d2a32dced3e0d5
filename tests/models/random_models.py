"""Random Keras models as data: a program is a list of steps, a step writes a line of Python, the lines make the model.

What does not fit (no operand of that kind, or Keras refuses) is skipped, so that every program means a model and
shrinks by dropping steps and lowering numbers. `Written.source` is the whole model as code, to be pasted into a report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers, ops

from . import own_layers

BATCH, TIME, WIDTH, TOKENS = 2, 5, 4, 7


@dataclass(frozen=True)
class Step:
    """One line: what to do, which operands (0 is the latest that fits), and how."""

    what: str
    picks: tuple[int, int, int] = (0, 0, 0)
    option: int = 0
    dtype: int = 0
    name: int = 0
    inner: Program | None = None


@dataclass(frozen=True)
class Program:
    """A model: its inputs, its lines, its outputs and the structures in which it takes and returns them."""

    inputs: tuple[int, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    leaves: bool = False
    structure: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Written:
    """A model, the code that made it, and data to feed it with."""

    model: keras.Model
    source: str
    data: Any


INPUTS = {
    "sequence": ((TIME, WIDTH), "float32"),
    "vector": ((WIDTH,), "float32"),
    "tokens": ((TIME,), "int32"),
    "flags": ((TIME,), "bool"),
    "half": ((WIDTH,), "float16"),
}
"""The kinds of inputs: shape without batch, dtype."""

NAMES = ("a", "a b", "a_b", "m_a", "m_a_b", "a_in", "a.b", "a:1", "a#2", "a:mask", "a_mask", "a_1")
"""Names that come to clash when they are made safe, joined to those of groups, or read as the name of a tensor."""

DTYPES = ("mixed_float16", "float64", "mixed_bfloat16")


def rank(*ranks: int) -> Callable[[keras.KerasTensor], bool]:
    return lambda t: "float" in t.dtype and len(t.shape) in ranks and all(t.shape[1:])


FLOATS, SEQUENCE, VECTOR = rank(2, 3), rank(3), rank(2)

LAYERS: dict[str, tuple[Callable[[Any], bool], tuple[str, ...]]] = {
    "Dense": (FLOATS, ("Dense(4", "Dense(4, activation='tanh'", "Dense(3", "Dense(4, use_bias=False")),
    "Conv1D": (SEQUENCE, ("Conv1D(4, 3, padding='same'", "Conv1D(4, 2, padding='causal'", "Conv1D(4, 1")),
    "LayerNormalization": (FLOATS, ("LayerNormalization(",)),
    "BatchNormalization": (FLOATS, ("BatchNormalization(",)),
    "Dropout": (FLOATS, ("Dropout(0.5", "GaussianNoise(0.5", "SpatialDropout1D(0.5", "Dropout(0.5, seed=3")),
    "Activation": (FLOATS, ("Activation('relu'", "ReLU(", "Softmax(", "Activation('linear'", "PReLU(")),
    "Masking": (SEQUENCE, ("Masking(0.0",)),
    "Shape": (FLOATS, ("Flatten(", "Reshape((-1,)", "Reshape((-1, 2)", "RepeatVector(5", "Permute((2, 1)")),
    "Pooling": (SEQUENCE, ("GlobalAveragePooling1D(", "GlobalMaxPooling1D(", "MaxPooling1D(2", "UpSampling1D(2")),
    "TimeDistributed": (
        SEQUENCE,
        (
            "TimeDistributed(layers.Dense(4, name='a')",
            "TimeDistributed(keras.Sequential([layers.Dense(4, name='a'), layers.BatchNormalization(name='b')])",
        ),
    ),
    "Bidirectional": (
        SEQUENCE,
        (
            "Bidirectional(layers.GRU(2, return_sequences=True, name='a')",
            "Bidirectional(layers.LSTM(2, return_state=True, name='a')",
            "Bidirectional(layers.LSTM(2, return_sequences=True, name='a'), merge_mode=None",
            "Bidirectional(layers.SimpleRNN(4, name='a'), merge_mode='sum'",
        ),
    ),
    "RNN": (
        SEQUENCE,
        (
            "RNN([layers.GRUCell(3), layers.LSTMCell(4)]",
            "SimpleRNN(4, return_sequences=True",
            "GRU(4, go_backwards=True, reset_after=False",
            "RNN(layers.LSTMCell(4, dropout=0.5), return_sequences=True",
        ),
    ),
    "Embedding": (
        lambda t: t.dtype == "int32" and len(t.shape) == 2,
        (f"Embedding({TOKENS + 3}, 4", f"Embedding({TOKENS + 3}, 4, mask_zero=True"),
    ),
    "Own": (SEQUENCE, ("own.Block(", "own.Masking(", "own.Scaled(", "own.Nest(", "own.Heads(", "own.Blank(")),
    "OwnEmbedding": (lambda t: t.dtype == "int32" and len(t.shape) == 2, ("own.PositionalEmbedding(",)),
    "OwnEncoder": (lambda t: SEQUENCE(t) and t.shape[-1] == WIDTH, ("own.Encoder(", "own.Masking(")),
    "Sequential": (
        FLOATS,
        (
            "Sequential([layers.Dense(4, name='a'), layers.ReLU(name='b')]",
            "Sequential([keras.Input(%s), layers.Dense(4, name='a'), layers.Dropout(0.5, name='b')]",
            "Sequential([layers.Dense(4, name='a b'), keras.Sequential([layers.Dense(4, name='a_b')], name='a')]",
            "Sequential([layers.BatchNormalization(name='a')]",
        ),
    ),
}
"""Layers of one tensor: what they take, and how the line begins."""

MERGES = ("Add(", "Multiply(", "Concatenate(", "Subtract(", "Average(", "Maximum(", "Attention(", "Dot(-1")

ONE = (
    "{x} * 2.0 - 1.0",
    "1.0 - {x}",
    "ops.relu({x})",
    "ops.square({x})",
    "{x}[:, 1:]",
    "{x}[..., :2]",
    "-{x}",
    "ops.add(np.float32(0.5), {x})",
    "{x} + np.linspace(0, 1, {last}, dtype='float32')",
    "ops.multiply(ops.convert_to_tensor(np.linspace(0, 1, {last}, dtype='float32')), {x})",
    "ops.matmul({x}, np.ones(({last}, 4), 'float32') / 3)",
    "ops.sum({x}, axis=-1, keepdims=True)",
    "ops.softmax({x}, axis=-1)",
    "ops.expand_dims({x}, 1)",
    "ops.cast({x}, 'float16')",
    "ops.cast({x} > 0.0, 'float32')",
    "{x} / (1.0 + ops.abs({x}))",
    "ops.where({x} > 0.0, {x}, 0.1)",
    "ops.mean({x}, axis=1)",
    "ops.flip({x}, axis=-1)",
    "ops.concatenate([{x}, {x}], axis=-1)",
)
"""Lines of `keras.ops` and operators on one tensor of floats."""

TWO = (
    "{x} + {y}",
    "{x} * {y}",
    "ops.maximum({x}, {y})",
    "ops.concatenate([{x}, {y}], axis=-1)",
    "ops.where({x} > {y}, {x}, {y})",
    "ops.subtract(x1={x}, x2={y})",
)

SEVERAL = (
    "ops.split({x}, 2, axis=-1)",
    "ops.top_k({x}, 2)",
    "ops.unstack({x}, axis=1)",
    "ops.split({x}, [1], axis=1)",
    "ops.moments({x}, axes=[-1])",
)

WHOLE = (
    "ops.cast({t}, 'float32')",
    "ops.minimum({t} + 1, 6)",
    "ops.one_hot({t}, 7)",
    "ops.take(np.linspace(0, 1, 28, dtype='float32').reshape(7, 4), {t}, axis=0)",
    "ops.not_equal({t}, 0)",
)

FLAGS = ("ops.cast({b}, 'float32')", "ops.logical_not({b})", "ops.logical_or({b}, ops.logical_not({b}))")


@dataclass
class Scope:
    """A model that is being written."""

    prefix: str
    values: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    callables: list[str] = field(default_factory=list)


class Writer:
    """Turns a program into lines, and runs each as it comes, for the shapes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.space: dict[str, Any] = {"keras": keras, "layers": layers, "ops": ops, "np": np, "own": own_layers}
        self.count = 0
        self.feeds: dict[str, str] = {}

    # lines

    def new(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def run(self, line: str) -> bool:
        """Run a line and keep it, unless Keras refuses it."""
        try:
            exec(line, self.space)
        except Exception:
            return False
        self.lines.append(line)
        return True

    def assign(self, scope: Scope, expression: str, operands: list[str]) -> bool:
        """Write ``v = expression``, or ``v, w, ... = expression`` where it gives several tensors."""
        probe = self.new("v")
        if not self.run(f"{probe} = {expression}"):
            return False
        result = self.space[probe]
        if isinstance(result, keras.KerasTensor):
            made = [probe]
        else:
            if isinstance(result, dict):
                made = [f"{probe}[{key!r}]" for key in result]
            else:
                made = [f"{probe}[{i}]" for i in range(len(result))]
            named = [self.new("v") for _ in made]
            for name, each in zip(named, made, strict=True):
                self.run(f"{name} = {each}")
            made = named
        scope.values += [name for name in made if isinstance(self.space[name], keras.KerasTensor)]
        scope.used.update(operands)
        return True

    # operands

    def fitting(self, scope: Scope, fits: Callable[[Any], bool]) -> list[str]:
        return [name for name in reversed(scope.values) if fits(self.space[name])]

    def pick(self, scope: Scope, number: int, fits: Callable[[Any], bool]) -> str | None:
        found = self.fitting(scope, fits)
        return found[number % len(found)] if found else None

    def like(self, scope: Scope, number: int, other: str) -> str | None:
        shape = self.space[other].shape
        return self.pick(scope, number, lambda t: t.shape == shape and "float" in t.dtype)

    # steps

    def step(self, scope: Scope, step: Step) -> bool:
        return bool(getattr(self, f"_{step.what}")(scope, step))

    def name(self, scope: Scope, step: Step, base: str) -> str:
        """Choose a name: one of those that clash, or one of its own."""
        wanted = NAMES[step.name - 1] if 0 < step.name <= len(NAMES) else base
        name, n = wanted, 1
        while name in scope.names:
            n += 1
            name = f"{base}{n}"
        scope.names.add(name)
        return name

    def _layer(self, scope: Scope, step: Step) -> bool:
        kinds = list(LAYERS)
        kind = kinds[step.picks[1] % len(kinds)]
        fits, forms = LAYERS[kind]
        x = self.pick(scope, step.picks[0], fits)
        if x is None:
            return False
        form = forms[step.option % len(forms)]
        if "%s" in form:
            form %= (self.space[x].shape[1:],)
        return self._make(scope, step, ("keras." if kind == "Sequential" else "layers.") + form, x, kind[:2].lower())

    def _make(self, scope: Scope, step: Step, form: str, x: str, base: str, call: str | None = None) -> bool:
        """Write a layer and its first call; it may be called again."""
        layer = self.new("l")
        dtype = DTYPES[step.dtype - 1] if 0 < step.dtype <= len(DTYPES) and form.startswith("layers.") else None
        options = [f"dtype={dtype!r}"] if dtype else []
        options.append(f"name={self.name(scope, step, base)!r}")
        opening = form if form.endswith("(") else form + ", "
        if not self.run(f"{layer} = {opening}{', '.join(options)})"):
            return False
        if not self.assign(scope, f"{layer}({call or x})", [x]):
            self.lines.pop()
            return False
        if call is None:
            scope.callables.append(layer)
        return True

    def _again(self, scope: Scope, step: Step) -> bool:
        """Call a layer or model that is there already."""
        if not scope.callables:
            return False
        layer = scope.callables[-1 - step.picks[0] % len(scope.callables)]
        operation = self.space[layer]
        node = operation._inbound_nodes[0]
        given = []
        for n, tensor in enumerate(keras.tree.flatten(node.arguments.args[0])):  # masks come by themselves
            shape, dtype = tensor.shape, tensor.dtype
            x = self.pick(scope, step.picks[1 + n % 2], lambda t, s=shape, d=dtype: t.shape == s and t.dtype == d)
            if x is None:
                return False
            given.append(x)
        packed = keras.tree.pack_sequence_as(node.arguments.args[0], given)
        return self.assign(scope, f"{layer}({_code(packed)})", given)

    def _merge(self, scope: Scope, step: Step) -> bool:
        form = MERGES[step.option % len(MERGES)]
        x = self.pick(scope, step.picks[0], SEQUENCE if form in ("Attention(", "Dot(-1") else FLOATS)
        y = x and self.like(scope, step.picks[1], x)
        return bool(x and y) and self._make(scope, step, f"layers.{form}", x, form[:2].lower(), f"[{x}, {y}]")

    def _attend(self, scope: Scope, step: Step) -> bool:
        x = self.pick(scope, step.picks[0], SEQUENCE)
        y = self.pick(scope, step.picks[1], SEQUENCE)
        if x is None or y is None:
            return False
        call = f"query={x}, value={y}" if step.option & 1 == 0 else f"{x}, {y}"
        time = self.space[y].shape[1]
        flags = self.pick(scope, step.picks[2], lambda t: t.dtype == "bool" and t.shape[1:] == (time,))
        if step.option & 2 and flags:
            call += f", attention_mask=ops.expand_dims({flags}, 1)"
            scope.used.add(flags)
        call += ", use_causal_mask=True" * bool(step.option & 4)
        call += ", return_attention_scores=True" * bool(step.option & 8)
        scope.used.add(y)
        form = "layers.MultiHeadAttention(2, 3" + ", dropout=0.5" * bool(step.option & 16)
        return self._make(scope, step, form, x, "mha", call)

    def _recur(self, scope: Scope, step: Step) -> bool:
        x = self.pick(scope, step.picks[0], SEQUENCE)
        if x is None:
            return False
        kind = ("LSTM", "GRU")[step.picks[1] % 2]
        form = f"layers.{kind}(4"
        form += ", return_sequences=True" * (step.option & 1) + ", return_state=True" * bool(step.option & 2)
        form += ", dropout=0.5" * bool(step.option & 16)
        call = x
        if step.option & 4:
            state = self.pick(scope, step.picks[2], lambda t: t.shape[1:] == (4,) and t.dtype == "float32")
            if state:
                call += f", initial_state=[{', '.join([state] * (2 if kind == 'LSTM' else 1))}]"
                scope.used.add(state)
        if step.option & 8:
            time = self.space[x].shape[1]
            flags = self.pick(scope, step.picks[2], lambda t: t.dtype == "bool" and t.shape[1:] == (time,))
            if flags:
                call += f", mask={flags}"
                scope.used.add(flags)
        return self._make(scope, step, form, x, kind.lower(), call if call != x else None)

    def _op(self, scope: Scope, step: Step) -> bool:
        x = self.pick(scope, step.picks[0], FLOATS)
        if x is None:
            return False
        form = ONE[step.option % len(ONE)].format(x=x, last=self.space[x].shape[-1])
        return self.assign(scope, form, [x])

    def _ops(self, scope: Scope, step: Step) -> bool:
        x = self.pick(scope, step.picks[0], FLOATS)
        y = x and self.like(scope, step.picks[1], x)
        return bool(x and y) and self.assign(scope, TWO[step.option % len(TWO)].format(x=x, y=y), [x, y])

    def _several(self, scope: Scope, step: Step) -> bool:
        x = self.pick(scope, step.picks[0], FLOATS)
        return x is not None and self.assign(scope, SEVERAL[step.option % len(SEVERAL)].format(x=x), [x])

    def _whole(self, scope: Scope, step: Step) -> bool:
        t = self.pick(scope, step.picks[0], lambda t: t.dtype == "int32" and len(t.shape) == 2)
        return t is not None and self.assign(scope, WHOLE[step.option % len(WHOLE)].format(t=t), [t])

    def _flags(self, scope: Scope, step: Step) -> bool:
        b = self.pick(scope, step.picks[0], lambda t: t.dtype == "bool" and len(t.shape) == 2)
        return b is not None and self.assign(scope, FLAGS[step.option % len(FLAGS)].format(b=b), [b])

    def _model(self, scope: Scope, step: Step) -> bool:
        """A model inside the model, fed with values of the outer."""
        assert step.inner is not None
        given: list[str] = []
        for number in step.picks[: 1 + step.option % 3]:
            x = self.pick(scope, number, lambda t: all(t.shape[1:]) and len(t.shape) <= 3)
            if x is not None and x not in given:
                given.append(x)
        specs = []
        for x in given:
            tensor = self.space[x]
            dtype = "float32" if "float" in tensor.dtype and step.option & 4 else tensor.dtype
            specs.append(f"{tensor.shape[1:]}, dtype={dtype!r}")
        model = self.new("m")
        before = len(self.lines)
        name = self.name(scope, step, "m")
        inputs = self.write(step.inner, model, name, specs) if specs else None
        if inputs is None:
            del self.lines[before:]
            return False
        packed = self._packed(model, inputs, given)
        extra = ("", "", "", ", training=False")[step.option // 8 % 4]
        if not self.assign(scope, f"{model}({_code(packed)}{extra})", given):
            del self.lines[before:]
            return False
        if not extra:
            scope.callables.append(model)
        return True

    def write(self, program: Program, model: str, name: str, specs: list[str]) -> list[str] | None:
        """Write a whole model under a variable; gives its inputs, or None where Keras refuses it."""
        scope = Scope(model)
        inputs = []
        for spec in specs:
            x = self.new("x")
            scope.names.add(x)
            if not self.run(f"{x} = keras.Input({spec}, name={x!r})"):
                return None
            inputs.append(x)
        scope.values = list(inputs)
        for step in program.steps:
            self.step(scope, step)
        outputs = [scope.values[-1 - number % len(scope.values)] for number in program.outputs]
        if program.leaves:
            outputs += [v for v in scope.values if v not in scope.used and v not in outputs and v not in inputs]
        taken, returned = (
            _structure(inputs, program.structure[0]),
            _structure(outputs, program.structure[1]),
        )
        done = self.run(f"{model} = keras.Model({_code(taken)}, {_code(returned)}, name={name!r})")
        return inputs if done else None

    def _packed(self, model: str, inputs: list[str], values: list[Any]) -> Any:
        """Put what is to be fed into the structure of a model's inputs (dicts are flattened in the order of keys)."""
        fed = {id(self.space[x]): value for x, value in zip(inputs, values, strict=True)}
        return keras.tree.map_structure(lambda tensor: fed[id(tensor)], self.space[model]._inputs_struct)


def _structure(names: list[str], how: int) -> Any:
    """Put tensors in a structure."""
    if how == 1:
        return {f"k_{9 - i}": name for i, name in enumerate(names)}
    if how == 2:
        return tuple(names)
    if how == 3 and len(names) > 1:
        return {"z": names[0], "b": names[1:]}
    if how == 4:
        return {name: name for name in names}
    if how == 5:
        return [names[0], names[1:]] if len(names) > 1 else [names[0]]
    return names[0] if len(names) == 1 else names


def _code(structure: Any) -> str:
    """Write a structure of variables."""
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{key!r}: {_code(value)}" for key, value in structure.items()) + "}"
    if isinstance(structure, list):
        return f"[{', '.join(map(_code, structure))}]"
    if isinstance(structure, tuple):
        return f"({', '.join(map(_code, structure))},)"
    return str(structure)


def build(program: Program, seed: int = 0) -> Written | None:
    """Make the model of a program, with weights that are nowhere zero, and data. None where Keras refuses it."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    writer = Writer()
    kinds = list(INPUTS.values())
    chosen = [kinds[number % len(kinds)] for number in program.inputs]
    specs = [f"{shape}, dtype={dtype!r}" for shape, dtype in chosen]
    inputs = writer.write(program, "model", "net", specs)
    if inputs is None:
        return None
    model = writer.space["model"]
    for weight in model.weights:
        if "float" in weight.dtype:
            values = 0.4 * generator.standard_normal(tuple(weight.shape)) + 0.05
            weight.assign(np.abs(values) + 0.1 if "variance" in weight.path else values)
    data = []
    for shape, dtype in chosen:
        if dtype == "bool":
            made = generator.random((BATCH, *shape)) < 0.6
            made[:, 0] = True
        elif dtype == "int32":
            made = generator.integers(0, TOKENS, (BATCH, *shape)).astype(dtype)
            made[:, 0] = 1
        else:
            made = generator.standard_normal((BATCH, *shape)).astype(dtype)
            if len(shape) == 2:
                made[:, 3] = 0.0  # what a Masking layer masks
        data.append(made)
    return Written(model, "\n".join(writer.lines), writer._packed("model", inputs, data))


# strategies

small = st.integers(0, 3)
WHAT = (
    *("layer",) * 6,
    *("op", "ops", "merge", "again", "recur", "attend", "several", "whole", "flags") * 2,
    *("model",) * 4,
)


@st.composite
def steps(draw: st.DrawFn, depth: int) -> Step:
    what = draw(st.sampled_from(WHAT if depth else WHAT[:-4]))
    return Step(
        what=what,
        picks=draw(st.tuples(small, st.integers(0, 14), small)),
        option=draw(st.integers(0, 31)),
        dtype=0 if what == "model" else draw(st.integers(0, 12)),
        name=draw(st.integers(0, 2 * len(NAMES))),
        inner=draw(programs(depth - 1, most=5)) if what == "model" else None,
    )


def programs(depth: int = 2, most: int = 12) -> st.SearchStrategy[Program]:
    """Programs whose models hold models to a depth."""
    lines = st.lists(steps(depth), min_size=1, max_size=most)
    if most > 5:  # lists are short on average
        lines = st.tuples(lines, st.lists(steps(depth), max_size=most)).map(lambda pair: pair[0] + pair[1])
    return st.builds(
        Program,
        inputs=st.lists(st.integers(0, len(INPUTS) - 1), min_size=1, max_size=3).map(tuple),
        steps=lines.map(tuple),
        outputs=st.lists(small, min_size=1, max_size=3).map(tuple),
        leaves=st.sampled_from((False, True, True)),
        structure=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    )
