/** The keys: in the list for everything, anywhere in the widget for undo and redo. */

import type { Acting } from "./acting";
import { listen } from "./dom";
import type { Finding } from "./finding";
import type { Shell } from "./shell";
import type { Stage } from "./stage";

/** Who can be asked by a key. */
export interface Asked {
  shell: Shell;
  stage: Stage;
  acting: Acting;
  finding: Finding;
  /** Go to the nearest candidate before (-1) or after (1). */
  goNearest(side: -1 | 1): void;
}

const ZOOM = 1.25;

/** A key of the list that is about more than the list; false: it means nothing. */
export function pressKey(name: string, { shell, stage, finding, goNearest }: Asked): boolean {
  const act = {
    "[": () => goNearest(-1),
    "]": () => goNearest(1),
    "/": () => shell.search.focus(),
    "?": () => shell.toggleHelp(),
    "<": () => stage.zoomBy(1 / ZOOM),
    ">": () => stage.zoomBy(ZOOM),
    Escape: () => (shell.helping ? shell.toggleHelp(false) : finding.end()),
    "Shift+Enter": () => finding.step(true),
  }[name];
  act?.();
  return act !== undefined;
}

export function listenToKeys({ shell, acting }: Asked, signal: AbortSignal): void {
  const act = (event: KeyboardEvent): boolean => {
    if (event.key === "Escape" && shell.helping) {
      shell.toggleHelp(false);
      return true;
    }
    if (!(event.ctrlKey || event.metaKey) || event.target instanceof HTMLInputElement) return false;
    const key = event.key.toLowerCase();
    const back = key === "z" && !event.shiftKey;
    const again = (key === "z" && event.shiftKey) || key === "y";
    if (back) void acting.undo();
    else if (again) void acting.redo();
    return back || again;
  };
  listen(
    shell.root,
    "keydown",
    (event) => {
      if (!act(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    signal,
  );
}
