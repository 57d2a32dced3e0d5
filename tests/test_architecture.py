"""The house: imports run display -> models -> structure -> errors, and inside a wing downwards."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kerassplit_widget as ks

PACKAGE = Path(ks.__file__).parent
ORDER = [
    "errors",
    "structure.arguments",
    "structure.graph",
    "structure.text",
    "structure.tables",
    "structure.regions",
    "structure.flow",
    "structure.closure",
    "structure.cuts",
    "structure.nesting",
    "structure.surveying",
    "structure.ranking",
    "structure.wiring",
    "structure.layout",
    "structure.views",
    "structure.gathering",
    "structure.costs",
    "structure.planning",
    "models.keras_internals",
    "models.masks",
    "models.twins",
    "models.batches",
    "models.inputs",
    "models.calling",
    "models.bodies",
    "models.constants",
    "models.hidden",
    "models.trials",
    "models.tracing",
    "models.subclassed",
    "models.returned",
    "models.walking",
    "models.needs",
    "models.reading",
    "models.cutting",
    "models.codegen",
    "models.counting",
    "models.planning",
    "models.verifying",
    "models.splitting",
    "models.measuring",
    "models.pipeline",
    "display.editing",
    "display.viewing",
    "display.notebook",
    "display.wire",
    "display.figures",
    "display.session",
    "display.export",
    "display.working",
    "display.plans",
    "display.parting",
    "display.actions",
    "display.widget",
]
ALLOWED = {  # what a wing may import from outside the package, the standard library left out
    "errors": set(),
    "structure": {"highspy", "networkx", "numpy"},
    "models": {"keras", "numpy"},
    "display": {"PIL", "anywidget", "keras", "matplotlib", "numpy", "traitlets"},
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path):
    """Yield every module that a file imports, type-checking imports left out."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative imports hide the wing"
            yield node.module
            # `from package.wing import room` imports the room
            for alias in node.names:
                if (PACKAGE.parent / Path(*node.module.split("."), f"{alias.name}.py")).exists():
                    yield f"{node.module}.{alias.name}"


def room(name):
    """The entry of ORDER that a module belongs to, or None for a wing's own __init__."""
    return next((entry for entry in ORDER if name == entry or name.startswith(f"{entry}.")), None)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_one_way(path):
    here = name_of(path)
    for module in imports(path):
        if not module.startswith("kerassplit_widget"):
            continue
        there = module.removeprefix("kerassplit_widget").removeprefix(".")
        if there in ("", "structure", "models", "display"):
            continue
        assert room(there), f"{there} has no place in ORDER"
        if room(there) != room(here):
            assert ORDER.index(room(there)) < ORDER.index(room(here)), f"{here} may not import {there}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_wing_knows_only_its_libraries(path):
    wing = name_of(path).split(".")[0]
    foreign = {module.split(".")[0] for module in imports(path)} - set(sys.stdlib_module_names)
    assert foreign - {"kerassplit_widget"} <= ALLOWED[wing]


def test_every_room_is_in_the_order():
    rooms = {name_of(path) for path in FILES} - {"structure", "models", "display"}
    assert {room(name) for name in rooms} == set(ORDER)


def test_private_names_of_keras_are_touched_in_one_file_only():
    private = {
        "_nodes_by_depth", "_inbound_nodes", "_outbound_nodes", "_keras_history", "_functional",
        "_inputs_struct", "_outputs_struct", "_layers", "_flatten_layers", "_trainable_variables",
    }  # fmt: skip
    for path in FILES:
        if name_of(path).startswith("models.keras_internals"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in private, f"{name_of(path)} touches {node.attr}"
        assert "keras.src" not in set(imports(path))


def test_rooms_stay_small():
    for path in FILES:
        assert len(path.read_text().splitlines()) <= 420, f"{name_of(path)} has outgrown its walls"


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, time; t = time.perf_counter(); import kerassplit_widget; t = time.perf_counter() - t;"
        "heavy = {'keras', 'tensorflow', 'networkx', 'numpy', 'anywidget', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy; assert t < 0.3, t"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_splitting_loads_no_solver():
    code = (
        "import sys; import kerassplit_widget as ks; ks.split; ks.Split; ks.Plan;"
        "loaded = {'highspy', 'kerassplit_widget.structure.planning', 'anywidget'} & set(sys.modules);"
        "assert not loaded, loaded; ks.plan; assert 'highspy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_is_marked_as_typed_and_tells_its_version_in_one_place():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    assert (PACKAGE / "py.typed").exists() and "Typing :: Typed" in project["project"]["classifiers"]
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"] == {"path": "kerassplit_widget/__init__.py"}
    assert (PACKAGE / "__init__.py").read_text().count(f'\n__version__ = "{ks.__version__}"\n') == 1


def test_every_public_name_is_there_and_documented():
    for name in ks.__all__:
        assert getattr(ks, name).__doc__, name
    assert set(ks.__all__) <= set(dir(ks))
    with pytest.raises(AttributeError, match="no attribute 'splitt'"):
        ks.splitt  # noqa: B018
