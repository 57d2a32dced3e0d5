"""Parts on Ray actors: once for real, on two processes; the rest on a stand-in that runs in this process."""

import os
import pickle
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kerassplit_widget as ks
from kerassplit_widget.errors import PipelineError, SplitError
from kerassplit_widget.models import pipeline as room
from kerassplit_widget.models.pipeline import RayPipeline
from kerassplit_widget.models.verifying import random_inputs

from . import zoo


def equal(found, expected):
    keras.tree.assert_same_structure(found, expected)
    pairs = zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True)
    return all(np.array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)) for a, b in pairs)


def batches(count, left=4):
    generator = np.random.default_rng(3)
    return [
        {name: generator.normal(size=(2, width)).astype("float32") for name, width in (("left", left), ("right", 3))}
        for _ in range(count)
    ]


# For real


@pytest.fixture(scope="module")
def real():
    """A model in two parts on a Ray of its own, started without telling anybody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # The processes of the actors import this package from where it was imported here.
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        model = zoo.structured()
        with started(ks.split(model, ["b"])) as pipeline:
            yield model, pipeline
        assert not pipeline._ray.is_initialized()  # it was started for the pipeline


def started(split):
    """Start Ray, which allows itself 30 s and on a busy machine needs more, in up to three attempts."""
    for _ in range(2):
        try:
            return RayPipeline(split)
        except PipelineError as error:
            if "Ray could not be started" not in str(error):
                raise
    return RayPipeline(split)


def test_real_actors_compute_what_the_model_computes_in_order(real):
    model, pipeline = real
    assert len(pipeline) == 2 and repr(pipeline) == "<RayPipeline of 'structured', on 2 actors>"
    xs = batches(7)
    assert equal(pipeline(xs[0]), model(xs[0]))
    results = list(pipeline.map(xs))
    assert len(results) == 7 and all(equal(y, model(x)) for x, y in zip(xs, results, strict=True))


def test_real_actors_tell_of_an_error_in_the_middle_and_go_on(real):
    model, pipeline = real
    xs = [*batches(3), *batches(1, left=5), *batches(2)]
    check_error_in_the_middle(model, pipeline, xs)


def test_a_real_actor_that_dies_is_named(real):
    _, pipeline = real
    pipeline._ray.kill(pipeline._actors[1])
    with pytest.raises(PipelineError, match=r"^batch 0: The actor of part_2 has died; close the pipeline and make it"):
        list(pipeline.map(batches(2)))


def check_error_in_the_middle(model, pipeline, xs):
    results = []
    with pytest.raises(PipelineError, match=r"^batch 3: part_1 does not run on this: \S+") as caught:  # noqa: PT012
        for result in pipeline.map(xs):
            results.append(result)
    assert "\n" not in str(caught.value)
    assert len(results) == 3 and all(equal(y, model(x)) for x, y in zip(xs, results, strict=False))
    assert equal(pipeline(xs[0]), model(xs[0]))


# On a stand-in


class TaskError(Exception):
    def __init__(self, cause):
        super().__init__("a traceback of many lines\nof the other process")
        self.cause = cause


class ActorError(Exception):
    pass


class TimeError(Exception):
    pass


class StandIn:
    """What the pipeline uses of Ray: actors that work when they are asked, on what went through pickle."""

    def __init__(self):
        self.exceptions = SimpleNamespace(RayTaskError=TaskError, RayActorError=ActorError, GetTimeoutError=TimeError)
        self.running, self.broken, self.actors = False, False, []

    def is_initialized(self):
        return self.running

    def init(self, **options):
        if self.broken:
            raise RuntimeError("The current node timed out.\nmore")
        self.running = True

    def shutdown(self):
        self.running = False

    def cluster_resources(self):
        return {"CPU": 2.0}

    def put(self, value):
        return lambda: pickle.loads(pickle.dumps(value))

    def get(self, references, timeout=None):
        return [each() for each in references] if isinstance(references, list) else references()

    def kill(self, actor):
        actor.alive = False

    def remote(self, kind):
        def make(**options):
            actor = Actor(self, kind(), options)
            self.actors.append(actor)
            return actor

        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=lambda: make(**options)))


class Actor:
    def __init__(self, ray, inside, options):
        self.ray, self.inside, self.asked, self.alive = ray, inside, options, True

    def __getattr__(self, method):
        return SimpleNamespace(
            remote=lambda *args: self.call(method, 1, args),
            options=lambda num_returns: SimpleNamespace(remote=lambda *args: self.call(method, num_returns, args)),
        )

    def call(self, method, count, args):
        done = []

        def result():
            if not self.alive:
                raise ActorError("The actor died.\nmore")
            if self.asked.get("num_cpus", 0) > 2:
                raise TimeError
            if not done:
                try:
                    given = [each() if callable(each) else pickle.loads(pickle.dumps(each)) for each in args]
                except TaskError as error:
                    raise TaskError(error) from None  # as Ray hands on that of an earlier actor
                try:
                    done.append(getattr(self.inside, method)(*given))
                except Exception as error:
                    raise TaskError(error) from None
            return done[0]

        if count == 1:
            return result
        return [lambda i=i: result()[i] for i in range(count)]


@pytest.fixture
def stand_in(monkeypatch):
    ray = StandIn()
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


@pytest.mark.parametrize("wiring", ["relay", "direct"])
def test_structures_early_outputs_and_late_inputs(stand_in, wiring):
    model = zoo.structured()
    with RayPipeline(ks.split(model, ["a", "b"], wiring=wiring)) as pipeline:
        for x in batches(2):
            assert equal(pipeline(x), model(x))
    assert not stand_in.running


MADE = [
    (zoo.masked_attention, "dense"),
    (zoo.siamese, "shared"),
    (zoo.recurrent, "encoder"),
    (zoo.mixed_precision, "half"),
]


@pytest.mark.parametrize(("make", "cut"), MADE, ids=[make.__name__ for make, _ in MADE])
def test_masks_ties_states_and_halves_go_along(stand_in, make, cut):
    model = make()
    split = ks.split(model, [cut])
    x = random_inputs(split)
    with RayPipeline(split) as pipeline:
        assert equal(pipeline(x), model(x))
    assert ("dense:mask" in split.manifest.wires[1].takes) == (make is zoo.masked_attention)


def test_batches_are_drawn_as_they_are_needed(stand_in):
    model = zoo.structured()
    with RayPipeline(ks.split(model, ["a", "b"])) as pipeline:
        for ahead, drawn in ((None, [4, 5, 6, 6, 6, 6]), (1, [1, 2, 3, 4, 5, 6])):
            taken, seen = [], []

            def source(taken=taken):
                for x in batches(6):
                    taken.append(x)
                    yield x

            for i, result in enumerate(pipeline.map(source(), ahead=ahead)):
                assert equal(result, model(taken[i]))
                seen.append(len(taken))
            assert seen == drawn
        assert list(pipeline.map([])) == []


def test_an_error_comes_at_its_batch_and_is_that_of_the_first_part(stand_in):
    model = zoo.structured()
    with RayPipeline(ks.split(model, ["a", "b"])) as pipeline:
        check_error_in_the_middle(model, pipeline, [*batches(3), *batches(1, left=5), *batches(2)])


def test_each_actor_gets_its_own_part_and_its_options(stand_in):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3000, name="large"), keras.layers.Dense(1)])
    split = ks.split(model, ["large"])
    large, small = map(len, room._files(split))
    assert large > 3000 * 5 * 4 > small > 3001 * 4
    RayPipeline(split, options=[{"num_gpus": 1}, {}])
    environment = {"env_vars": {"KERAS_BACKEND": keras.backend.backend()}}
    assert [actor.asked for actor in stand_in.actors] == [
        {"runtime_env": environment, "num_gpus": 1},
        {"runtime_env": environment},
    ]


def test_a_closed_pipeline_says_so_and_leaves_the_users_ray_alone(stand_in):
    stand_in.init()
    pipeline = RayPipeline(ks.split(zoo.sequential(), ["a"]))
    pipeline.close()
    pipeline.close()
    assert stand_in.running and not any(actor.alive for actor in stand_in.actors)
    assert repr(pipeline).endswith("closed>")
    with pytest.raises(PipelineError, match="The pipeline is closed: make it again"):
        pipeline(np.ones((1, 6), "float32"))


def test_a_part_that_cannot_be_loaded(stand_in):
    x = keras.Input((4,))
    y = keras.layers.Lambda(lambda t: t * 2.0, name="double")(keras.layers.Dense(4, name="first")(x))
    with pytest.raises(PipelineError, match=r"^part_2 cannot be loaded by its actor: \S+") as caught:
        RayPipeline(ks.split(keras.Model(x, y), ["first"]))
    assert "\n" not in str(caught.value)
    assert not stand_in.running and not any(actor.alive for actor in stand_in.actors)


def test_what_it_refuses(stand_in):
    split = ks.split(zoo.sequential(), ["a"])
    with pytest.raises(PipelineError, match=r"not started the actor of part_2 with \{'num_cpus': 99\} within 6 s"):
        RayPipeline(split, options=[{}, {"num_cpus": 99}], start_timeout=6)
    with pytest.raises(PipelineError, match="options= has 1 entries, but the split has 2 parts"):
        RayPipeline(split, options=[{}])
    with pytest.raises(SplitError, match=r"found Sequential: .*Give ks\.split\(model, cuts\)\."):
        RayPipeline(zoo.sequential())
    with RayPipeline(split) as pipeline:
        with pytest.raises(SplitError, match="The model takes"):
            pipeline({"y": np.ones((1, 6), "float32")})
        for ahead in (0, 1.5):
            with pytest.raises(PipelineError, match=f"ahead= is a whole number, at least 1; found {ahead}"):
                pipeline.map([], ahead=ahead)


def test_a_ray_that_does_not_start(stand_in):
    stand_in.broken = True
    with pytest.raises(PipelineError, match=r"could not be started on this machine: The current node timed out\. Try"):
        RayPipeline(ks.split(zoo.sequential(), ["a"]))


def test_without_ray_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PipelineError, match=r'not installed: pip install "kerassplit-widget\[ray\]"$'):
        RayPipeline(ks.split(zoo.sequential(), ["a"]))
