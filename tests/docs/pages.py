"""Code in prose: what the pages say is taken out of them and run.

A page is one namespace. Its Python blocks run in order: fenced ``python`` and ``{code-cell}`` blocks, and comments
that begin with ``<!-- python``, which readers do not see. ``# -> text`` behind a statement is what it shows or prints;
a fenced ``text`` block behind a Python block is what that prints. Blocks with ``>>>`` are doctests.
"""

import ast
import contextlib
import doctest
import io
import re
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_HIDDEN = re.compile(r"<!-- python\n(?P<body>.*?)-->", re.DOTALL)
_CHECKER = doctest.OutputChecker()
_LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which the text begins."""

    language: str
    body: str
    line: int


def blocks_of(text):
    """List the blocks of a page in order."""
    found = [(m.start("body"), _language(m["info"]), m["body"]) for m in _FENCE.finditer(text)]
    found += [(m.start("body"), "python", m["body"]) for m in _HIDDEN.finditer(text)]
    return [Block(language, body, text.count("\n", 0, start) + 1) for start, language, body in sorted(found)]


def _language(info):
    word = info.strip().split()[0] if info.strip() else ""
    return "python" if word in ("python", "{code-cell}") else word


def without_options(body):
    """Blank the lines of a ``{code-cell}`` that set options (``:tags: [remove-input]``)."""
    return re.sub(r"\A(?::[\w-]+:.*\n)+", lambda match: "\n" * match[0].count("\n"), body)


def run_page(path):
    """Run the Python blocks of a page; raise `AssertionError` where it shows something else than it says."""
    namespace = {"__name__": "__page__"}
    blocks = [block for block in blocks_of(path.read_text(encoding="utf-8")) if block.language in ("python", "text")]
    for n, block in enumerate(blocks):
        if block.language == "text":
            continue
        where = f"{path.relative_to(ROOT)}:{block.line}"
        if ">>>" in block.body:
            _run_doctest(block, namespace, where)
            continue
        printed = run_block(without_options(block.body), namespace, where, block.line)
        if n + 1 < len(blocks) and blocks[n + 1].language == "text":
            check(blocks[n + 1].body, printed, where)


def _run_doctest(block, namespace, where):
    test = doctest.DocTestParser().get_doctest(block.body, namespace, where, where, block.line - 1)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=_LENIENT, verbose=False)
    runner.run(test, out=report.write, clear_globs=False)
    namespace.update(test.globs)
    assert not runner.failures, report.getvalue()


def run_block(body, namespace, where, line=1):
    """Run the statements of a block one by one; return what they print."""
    everything = io.StringIO()
    lines = body.splitlines()
    tree = ast.parse(body, filename=where)
    for statement in tree.body:
        ast.increment_lineno(statement, line - 1)
        said = _said(lines, statement.end_lineno - line)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if isinstance(statement, ast.Expr):
                value = eval(compile(ast.Expression(statement.value), where, "eval"), namespace)
            else:
                value = None
                exec(compile(ast.Module([statement], []), where, "exec"), namespace)
        shown = printed.getvalue() or ("" if value is None else repr(value))
        if said is not None:
            check(said, shown, f"{where}: {lines[statement.end_lineno - line]}")
        everything.write(printed.getvalue())
    return everything.getvalue()


def _said(lines, last):
    found = re.search(r"# -> (.*)$", lines[last])
    return found[1] if found else None


def check(said, shown, where):
    """Compare what a page says with what its code shows; white space and ``...`` as in doctests."""
    assert _CHECKER.check_output(f"{said.strip()}\n", f"{shown.strip()}\n", _LENIENT), (
        f"{where}\n  says   {said.strip()}\n  shows  {shown.strip()}"
    )


def make_targets():
    """Name the targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", text, re.MULTILINE))


def extras():
    """Name the optional dependencies."""
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"])


def shell_lines(text):
    """List the commands of the shell blocks of a page, comments left out."""
    bodies = [block.body for block in blocks_of(text) if block.language in ("sh", "bash", "console")]
    lines = [line.split("#")[0].strip().removeprefix("$ ") for body in bodies for line in body.splitlines()]
    return [line for line in lines if line]


def on_path(folder):
    """Make the modules beside a page importable, as they are for a notebook in that folder."""
    return contextlib.ExitStack() if str(folder) in sys.path else _Path(str(folder))


class _Path(contextlib.AbstractContextManager):
    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        sys.path.insert(0, self.folder)

    def __exit__(self, *error):
        sys.path.remove(self.folder)


def dedented(text):
    """Drop the first line break and the common margin of a text in a test."""
    return textwrap.dedent(text).lstrip("\n")
