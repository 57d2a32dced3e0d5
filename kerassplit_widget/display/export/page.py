"""Writing the page: the built front end, the state, and what stands in for the kernel, in one file."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerassplit_widget.display import wire
from kerassplit_widget.display.export.views import encoded, pack_places
from kerassplit_widget.display.notebook import parse_names
from kerassplit_widget.display.session import Session
from kerassplit_widget.errors import NamingError, SplitError
from kerassplit_widget.models.codegen import split_code
from kerassplit_widget.models.counting import count_reading

__all__ = ["page_html", "write_page"]

_STATIC = Path(__file__).parents[1] / "static"
_SHIM = Path(__file__).with_name("shim.js")

_AROUND = 132
"""Pixels of a page that the picture leaves to header, foot and margins."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}
html {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 8px; font-family: system-ui, sans-serif; }}
</style>
</head>
<body>
<main id="ks-page"></main>
<noscript>This page draws the model {title} with JavaScript, which is switched off.</noscript>
<script type="application/json" id="ks-state">{state}</script>
<script type="module">{script}</script>
</body>
</html>
"""

_TRAITS = ("cuts", "selection", "variable_names", "_placed", "_result")
"""Traits of the widget that a page shows as they are; the others are worked out here."""


def write_page(path: str | os.PathLike[str], session: Session, traits: Mapping[str, Any] | None = None) -> Path:
    """Write a page that shows a session, complete or not at all.

    Parameters
    ----------
    path : path
        Of the file. One that is there is replaced.
    session : Session
    traits : mapping of str to object, optional
        The widget's traits, as the front end gets them; those that are missing are made from the session.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    SplitError
        If the folder does not exist, or the front end was not built.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise SplitError(f"A page was to be written into {target.parent}, which is no folder. Make it first.")
    text = page_html(session, traits)
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        new.write_bytes(text.encode("utf-8"))
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
    return target


def page_html(session: Session, traits: Mapping[str, Any] | None = None) -> str:
    """Write a session as a page: it can be panned, zoomed, searched and folded, and shows what crosses at each call.

    Parameters
    ----------
    session : Session
        It is left as it is.
    traits : mapping of str to object, optional
        As for `write_page`.

    Returns
    -------
    str
        HTML with everything in it. A policy in the page forbids every connection, and every script but its own.

    Raises
    ------
    SplitError
        If the front end was not built, or is not what a page can hold.
    """
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=html.escape(session.graph.name),
        style=(_STATIC / "widget.css").read_text(encoding="utf-8").replace("</", "<\\/"),
        state=encoded(_state(session, traits or {})),
        script=script,
    )


def _script() -> str:
    """Put the front end and what stands in for the kernel into one script."""
    try:
        bundle = (_STATIC / "widget.js").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SplitError("The front end was not built; run `npm run build` in the folder js.") from None
    body, exported = re.subn(r"export\s*\{\s*([\w$]+) as default\s*\};?\s*$", r"const widget = \1;", bundle)
    if exported != 1:
        raise SplitError("The built front end does not end in one default export; build it again.")
    script = f"\n{body}\n{{\n{_SHIM.read_text(encoding='utf-8')}}}\n".replace("\r\n", "\n")
    if re.search(r"<!--|<script|</script", script, re.IGNORECASE):
        raise SplitError("The built front end holds text that would end a page's script; build it again.")
    return script


def _state(session: Session, traits: Mapping[str, Any]) -> dict[str, Any]:
    graph, cuts = session.graph, session.editor.cuts
    table = count_reading(session.reading, session.batch_size)
    packed = session.model_payload()
    packed["model"]["macs"] = table.total_macs
    made = {
        "cuts": session.editor.points,
        "selection": "",
        "variable_names": "",
        "_placed": wire.placed(session.editor, [], session.batch_size),
        "_result": {},
    }
    return {
        "traits": {
            **{name: traits.get(name, made[name]) for name in _TRAITS},
            "_model": packed,
            "_costs": {},
            "_busy": {},
            "_static": True,
            "status": "A saved page: look around; a notebook is needed to cut.",
            "last_error": "",
        },
        "costs": wire.costs(table),
        "previews": session.previews(),
        "code": _code(session, str(traits.get("variable_names", ""))),
        "places": pack_places(graph, [cut.head for cut in cuts], session.viewer),
        "around": _AROUND,
    }


def _code(session: Session, variables: str) -> str:
    """Write the Python that makes the split that the page shows."""
    cuts = session.editor.points
    if not cuts:
        return ""
    try:
        names = parse_names(variables, len(cuts) + 1)
    except NamingError:
        names = parse_names("", len(cuts) + 1)
    return split_code(cuts, names=names, options=session.options)
