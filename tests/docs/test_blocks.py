"""Every code block of the README and the documentation runs, and shows what the page says it shows."""

import re

import pytest

import kerassplit_widget as ks
from tests.docs.pages import (
    PAGES,
    ROOT,
    blocks_of,
    check,
    dedented,
    extras,
    make_targets,
    on_path,
    run_block,
    run_page,
    shell_lines,
)

LANGUAGES = {"python", "text", "sh", "", "{toctree}", "{eval-rst}", "{figure}", "{image}", "{note}", "{doctest}"}


def page_name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_code_runs_and_shows_what_the_page_says(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with on_path(path.parent):
        run_page(path)


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_every_block_is_of_a_kind_that_is_checked(path):
    assert {block.language for block in blocks_of(path.read_text())} <= LANGUAGES


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_commands_exist(path):
    text = path.read_text()
    commands = shell_lines(text) + re.findall(r"`(make [\w-]+|pip install [^`]+)[^`]*`", text)
    for line in commands:
        words = [word for word in line.split() if "=" not in word]  # settings such as DEMO_SERVE=0
        if words[0] == "make":
            assert words[1] in make_targets(), line
        elif words[:2] == ["pip", "install"]:
            assert "[" not in line or '"' in line, f"zsh takes [] for a pattern: {line}"
            asked = re.search(r"\[([\w,-]+)\]", line)
            assert set(asked[1].split(",") if asked else ()) <= extras(), line
        elif words[:2] == ["python", "-m"]:
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").exists() or words[2] in ("pytest", "venv"), line
        elif words[0] == "python":
            assert (ROOT / words[1]).exists(), line
        else:
            assert words[0] in ("cd", "git", "jupyter", "npm", "ruff", "mypy"), line


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_links_lead_to_files_that_exist(path):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_names_of_the_package_exist(path):
    named = set(re.findall(r"\bks\.([A-Za-z_]\w*)", path.read_text()))
    assert named <= {*ks.__all__, "structure", "models"}


def test_the_runner_sees_wrong_output():
    with pytest.raises(AssertionError, match=r"says   3\n  shows  2"):
        run_block("1 + 1  # -> 3\n", {}, "here")
    with pytest.raises(AssertionError, match="shows  b"):
        check("a", "b", "here")


def test_the_runner_runs_in_order_and_keeps_names():
    text = dedented("""
        <!-- python
        hidden = 2
        -->
        ```python
        shown = hidden + 1
        print(shown)
        ```
        ```text
        3
        ```
        ```{code-cell}
        :tags: [remove-input]
        shown  # -> 3
        ```
        """)
    assert [block.language for block in blocks_of(text)] == ["python", "python", "text", "python"]
    assert blocks_of(text)[1].line == 5
    space = {}
    assert run_block("a = 1\nprint(a)\na + 1  # -> 2\n", space, "here") == "1\n"
    assert space["a"] == 1
