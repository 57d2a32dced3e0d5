"""The harness itself, on the smallest widget there is: without it no other browser test counts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.harness import notebook_file

COUNTER = '''
import anywidget, traitlets

class Counter(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button");
      const paint = () => { button.textContent = `count is ${model.get("value")}`; };
      button.addEventListener("click", () => {
        model.set("value", model.get("value") + 1);
        model.save_changes();
      });
      model.on("change:value", paint);
      paint();
      el.append(button);
    }
    export default { render };
    """
    value = traitlets.Int(0).tag(sync=True)

counter = Counter()
counter
'''


def test_clicks_reach_python_and_python_reaches_the_page(notebook):
    notebook_file(notebook.server.work / "counter.ipynb", COUNTER, "print('second cell')")
    notebook.open("counter.ipynb")
    outputs = notebook.run_all()
    assert outputs[1][0]["text"] == "second cell\n"
    button = notebook.output().get_by_role("button")
    expect(button).to_have_text("count is 0")
    for _ in range(3):
        button.click()
    notebook.eventually("counter.value", 3)
    assert notebook.run_cell("counter.value = 10\nprint(counter.value + 1)") == "11\n"
    expect(button).to_have_text("count is 10")


def test_an_error_in_a_cell_is_an_error_in_the_test(notebook):
    notebook_file(notebook.server.work / "error.ipynb", "x = 1")
    notebook.open("error.ipynb")
    notebook.run_all()
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook.run_cell("x / 0")
    assert notebook.ask("x") == 1


def test_a_request_to_another_machine_is_seen(notebook):
    notebook_file(notebook.server.work / "stranger.ipynb", "x = 1")
    notebook.page.route("**/*.invalid/**", lambda route: route.abort())
    notebook.open("stranger.ipynb")
    notebook.page.evaluate("fetch('http://elsewhere.invalid/x').catch(() => null)")
    assert notebook.strangers == ["http://elsewhere.invalid/x"]
    notebook.strangers.clear()
