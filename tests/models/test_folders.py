"""Folders that a split is saved in: linked, shared, in use, left behind, damaged, or none at all."""

import copy
import json
import os
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerassplit_widget as ks
from kerassplit_widget.models.splitting import replacing


def chain():
    stack = [keras.Input((4,), name="x"), layers.Dense(4, name="a"), layers.Dense(2, name="o")]
    return keras.Sequential(stack, name="chain")


def data():
    return np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def equal(one, other):
    return np.array_equal(one(data()), other(data()))


FILES = ["manifest.json", "part_1.keras", "part_2.keras"]


def files(folder):
    return sorted(each.name for each in folder.iterdir())


# Where it is saved


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    for _ in range(2):
        ks.split(chain(), ["a"]).save(tmp_path / "link")
        assert (tmp_path / "link").is_symlink() and files(tmp_path / "disk") == FILES


@pytest.mark.parametrize("name", [".", None])
def test_the_folder_that_a_process_stands_in_stays(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    split = ks.split(chain(), ["a"])
    for _ in range(2):
        split.save(name or os.getcwd())
    assert sorted(os.listdir(".")) == FILES and os.getcwd() == str(tmp_path)
    assert equal(ks.Split.load("."), split)


def test_a_folder_keeps_its_mode(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o2775)
    for _ in range(2):
        ks.split(chain(), ["a"]).save(folder)
        assert folder.stat().st_mode & 0o7777 == 0o2775


def test_nothing_is_written_beside_the_folder(tmp_path, monkeypatch):
    """The folder above may be one that must not be written."""
    (tmp_path / "s").mkdir()
    seen = set()
    save = keras.Model.save
    monkeypatch.setattr(keras.Model, "save", lambda *given, **how: (seen.update(files(tmp_path)), save(*given, **how)))
    ks.split(chain(), ["a"]).save(tmp_path / "s")
    assert seen == {"s"}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("file/parts", "cannot be saved in '.*file/parts': Not a directory. Choose another folder."),
        ("file", "file exists and is no saved split; it is left alone"),
        ("dangling", "dangling is a link to .*nowhere, which is not there"),
        ("n" * 300, "cannot be saved in '.*nnn: File name too long. Choose another folder."),
        ("a\0b", "no path holds a zero byte"),
        ("loop", "is a link to .*loop, which is not there"),
    ],
)
def test_where_a_split_cannot_be_saved_one_sentence_says_so(tmp_path, where, words):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ks.SplitError, match=words) as caught:
        ks.split(chain(), ["a"]).save(tmp_path / where)
    assert "\n" not in str(caught.value) and ".kerassplit" not in str(caught.value)
    assert files(tmp_path) == ["dangling", "file", "loop"]
    with pytest.raises(ks.SplitError):
        ks.Split.load(tmp_path / where)


def test_without_links_the_parts_are_copied_and_without_room_they_keep_other_names(tmp_path, monkeypatch):
    def none(*_):
        raise OSError("no such thing here")

    monkeypatch.setattr(os, "link", none)
    split = ks.split(chain(), ["a"])
    split.save(tmp_path / "s")
    assert files(tmp_path / "s") == FILES
    monkeypatch.setattr(replacing.shutil, "copyfile", none)
    split[0].get_layer("a").kernel.assign(np.ones((4, 4)))
    for _ in range(2):
        split.save(tmp_path / "s")
        assert len(files(tmp_path / "s")) == 3 and equal(ks.Split.load(tmp_path / "s"), split)


def test_a_disk_that_is_full_at_the_end_leaves_what_was_there(tmp_path, monkeypatch):
    split = ks.split(chain(), ["a"])
    split.save(tmp_path / "s")
    before = (tmp_path / "s" / "manifest.json").read_text()

    def full(*_, **how):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replacing.Path, "write_text", full)
    for name in ("s", "new"):
        with pytest.raises(ks.SplitError, match=f"cannot be saved in '.*{name}': No space left on device"):
            split.save(tmp_path / name)
    assert files(tmp_path) == ["s"] and files(tmp_path / "s") == FILES
    assert (tmp_path / "s" / "manifest.json").read_text() == before and equal(ks.Split.load(tmp_path / "s"), split)


# At one time, and at the worst time


@pytest.mark.parametrize("locks", [True, False])
def test_savers_and_a_loader_at_one_time(tmp_path, monkeypatch, locks):
    """Without locks two savers may get into each other's way, but not a saver and a loader."""
    if not locks:
        monkeypatch.setattr(replacing, "fcntl", None)
    split, errors = ks.split(chain(), ["a"]), []
    split.save(tmp_path / "s")

    def again(what, times):
        try:
            for _ in range(times):
                what(tmp_path / "s")
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")

    jobs = [(split.save, 12)] * 3 if locks else [(split.save, 4)]  # a reader without locks gives up some day
    jobs.append((ks.Split.load, 6))
    threads = [threading.Thread(target=again, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert files(tmp_path / "s") == FILES and equal(ks.Split.load(tmp_path / "s"), split)


KILLED = """
import os, sys
import keras
from kerassplit_widget.models.splitting import replacing
import kerassplit_widget as ks
stack = [keras.Input((4,), name="x"), keras.layers.Dense(4, name="a"), keras.layers.Dense(2, name="o")]
split = ks.split(keras.Sequential(stack, name="chain"), ["a"])
split.save(sys.argv[1])
left = int(sys.argv[2])
replace = os.replace
def killed(*given):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    replace(*given)
os.replace = killed
split[0].get_layer("a").kernel.assign(keras.ops.ones((4, 4)))
split.save(sys.argv[1])
"""


@pytest.mark.parametrize(("steps", "new"), [(2, False), (3, True), (5, True)])
def test_a_saver_that_is_killed_leaves_the_one_or_the_other(tmp_path, steps, new):
    folder = tmp_path / "s"
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(steps)], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    loaded = ks.Split.load(folder)
    assert np.all(loaded[0].get_layer("a").kernel == 1) == new
    assert any(name.startswith(".kerassplit-") for name in files(folder))
    ks.split(chain(), ["a"]).save(folder)
    assert files(folder) == FILES


def test_what_was_left_behind_is_removed_and_what_somebody_works_in_is_not(tmp_path, monkeypatch):
    split, folder = ks.split(chain(), ["a"]), tmp_path / "s"
    (folder / ".kerassplit-left").mkdir(parents=True)
    (folder / ".kerassplit-left" / "part_1.keras").write_text("")
    with replacing.scratch_in(folder) as scratch:
        assert files(folder) == [scratch.name]
        split.save(folder)
        assert files(folder) == [scratch.name, *FILES]
    monkeypatch.setattr(replacing, "fcntl", None)  # now only its age tells
    for name, age in (("old", 2 * replacing.ABANDONED), ("young", 60.0)):
        (folder / f".kerassplit-{name}").mkdir()
        then = (folder / FILES[0]).stat().st_mtime - age
        os.utime(folder / f".kerassplit-{name}", (then, then))
    split.save(folder)
    assert files(folder) == [".kerassplit-young", *FILES]


# Parts that were trained


def own_loss(wanted, found):
    return ops.mean((wanted - found) ** 2)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda a, b: ops.mean((a - b) ** 2), r"part_2.keras was compiled with Python code \(a lambda\)"),
        (own_loss, "part_2.keras was compiled with 'own_loss', which is not known here: it is loaded without its loss"),
    ],
    ids=["lambda", "function"],
)
def test_a_part_that_was_trained_on_a_loss_of_ones_own_is_loaded_without(tmp_path, loss, words):
    split = ks.split(chain(), ["a"])
    split[1].compile("sgd", loss)
    split[1].fit(np.asarray(split[0](data())), np.ones((3, 2)), verbose=0)
    split.save(tmp_path / "s")
    with pytest.warns(UserWarning, match=words) as warned:
        loaded = ks.Split.load(tmp_path / "s")
    assert warned[0].filename == __file__
    assert equal(loaded, split) and not loaded[1].compiled
    if loss is own_loss:
        assert ks.Split.load(tmp_path / "s", custom_objects={"own_loss": own_loss})[1].compiled


def test_a_split_with_a_part_that_was_trained_is_copied():
    split = ks.split(chain(), ["a"])
    split[1].compile("sgd", own_loss)
    with pytest.warns(UserWarning, match="'own_loss'"):
        assert equal(copy.deepcopy(split), split)


# Layers whose configuration does not keep their names


class Keeps(layers.Layer):
    """Multiplies; made again with its name, as most layers are."""

    def __init__(self, units, name=None):
        super().__init__(name=name)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, x):
        return x @ self.kernel

    def get_config(self):
        return {"units": self.units, "name": self.name}


class SaysNoName(Keeps):
    def get_config(self):
        return {"units": self.units}


class TakesNoName(Keeps):
    @classmethod
    def from_config(cls, config):
        return cls(config["units"])


OWN = {cls.__name__: cls for cls in (Keeps, SaysNoName, TakesNoName)}


@pytest.mark.parametrize("cls", OWN.values())
@pytest.mark.parametrize("weights", ["share", "copy"])
def test_tied_layers_are_found_and_named_whatever_their_configuration_keeps(tmp_path, cls, weights):
    second, first = cls(4, name="second"), cls(4)  # two of a kind: one must not be taken for the other
    x = keras.Input((4,), name="x")
    y = second(first(layers.Dense(4, name="mid")(second(first(x)))))
    split = ks.split(keras.Model(x, y), ["mid"], weights=weights)
    split.save(tmp_path / "s")
    keras.backend.clear_session()  # as in another process, where names are counted from the beginning
    loaded = ks.Split.load(tmp_path / "s", custom_objects=OWN)
    assert [[layer.name for layer in part.layers] for part in loaded] == [
        [layer.name for layer in part.layers] for part in split
    ]
    assert loaded.tied == split.tied == {first.name: (0, 1), "second": (0, 1)}
    assert loaded[1].output_names == split[1].output_names == ["second"]
    assert equal(loaded, split) and equal(copy.deepcopy(split), split)
    loaded[0].get_layer("second").kernel.assign(np.zeros((4, 4)))
    assert not np.any(loaded[1](np.ones((1, 4), "float32"))) and len(loaded.join().weights) == 4
    loaded.save(tmp_path / "again")
    assert ks.Split.load(tmp_path / "again", custom_objects=OWN).tied == split.tied


def test_layers_that_are_not_tied_have_their_names_too(tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(2, name="o")(SaysNoName(4, name="mine")(layers.Dense(4, name="a")(x))))
    ks.split(model, ["mine"]).save(tmp_path / "s")
    loaded = ks.Split.load(tmp_path / "s", custom_objects=OWN)
    assert loaded[0].get_layer("mine").units == 4 and loaded[0].output_names == ["mine"]
    assert equal(loaded, model)


def test_a_folder_that_was_saved_before_the_names_of_layers_were_is_loaded(tmp_path):
    split = ks.split(tied_twice(), ["a"])
    split.save(tmp_path / "s")
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert [part.pop("layers") for part in manifest["parts"]] == [["x", "step", "a"], ["a", "step", "o"]]
    (tmp_path / "s" / "manifest.json").write_text(json.dumps(manifest))
    loaded = ks.Split.load(tmp_path / "s")
    assert equal(loaded, split) and loaded.tied == {"step": (0, 1)}


# Damaged manifests


def tied_twice():
    x, step = keras.Input((4,), name="x"), layers.Dense(4, name="step")
    return keras.Model(x, layers.Dense(2, name="o")(step(layers.ReLU(name="a")(step(x)))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it.update(outputs="x"), "2 parts do not give all outputs"),
        (lambda it: it.update(outputs={"list": ["o", "x"]}), "2 parts do not give all outputs"),
        (lambda it: it["parts"][0].update(takes=[]), r"the first part does not take \['x'\]"),
        (lambda it: it["parts"][0].update(takes="x"), "'x' is no list of names"),
        (lambda it: it["parts"][0].update(layers=[1, 2, 3]), r"\[1, 2, 3\] is no list of names"),
        (lambda it: it["parts"][1].update(takes=[]), r"nothing takes \['a'\]"),
        (lambda it: it["parts"][0].update(file="a" * 5000), "'a+ is no file of the folder"),
        (lambda it: it["parts"][0].update(file="part_" + "1" * 5000 + ".keras"), "is no file of the folder"),
        (lambda it: it["tensors"]["x"].update(shape=[-1, 4]), r"\[-1, 4\] is no shape of 'x'"),
        (lambda it: it["tensors"]["x"].update(shape=4), "4 is no shape of 'x'"),
        (lambda it: it["tensors"]["x"].update(dtype="float31"), "float31"),
        (lambda it: it["tensors"]["x"].update(nbytes=-1), "-1 is no number of bytes of 'x'"),
        (lambda it: it.update(model="../x"), "'../x' is no name of a model"),
        (lambda it: it.update(weights="lent"), "'lent'"),
        (lambda it: it.update(options={"wirings": 1}), r"\['wirings'\] are no options of split"),
        (lambda it: it.update(wiring="direct", outputs="x"), r"nothing takes \['o'\]"),
        (lambda it: it["ties"][0][1].__setitem__(2, -1), "a tie names no part"),
        (lambda it: it["ties"][0][1].__setitem__(2, 1), "'step' and one of 'step' are of two kinds"),
        (lambda it: it["ties"][0][1].__setitem__(0, float("inf")), "OverflowError"),
    ],
)
def test_a_damaged_manifest_is_refused_before_anything_is_run(tmp_path, change, words):
    ks.split(tied_twice(), ["a"]).save(tmp_path / "s")
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    change(manifest)
    (tmp_path / "s" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ks.SplitError, match=rf"s is damaged: .*{words}"):
        ks.Split.load(tmp_path / "s")


def test_a_manifest_of_brackets_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(ks.SplitError, match=r"is damaged: manifest\.json cannot be read"):
        ks.Split.load(tmp_path)
    with pytest.raises(ks.SplitError, match="is no saved split; it is left alone"):
        ks.split(chain(), ["a"]).save(tmp_path)
