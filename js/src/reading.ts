/** Reading model and view, which arrive one after the other and have to go together. */

import { makeScene, type Scene } from "./geometry";
import { type Graph, makeGraph } from "./graph";
import { decodeModel, decodeView, type Model, PayloadError } from "./protocol";
import { Timers } from "./timers";

export interface ReadingEvents {
  /** There is another scene; null: there is none any more. */
  show(scene: Scene | null): void;
  /** Why nothing can be shown; empty when something can. */
  broken(sentence: string): void;
}

/** How long a model and a view that do not go together may wait for each other, in ms. */
export const PAIR = 500;

export type Reading = ReturnType<typeof makeReading>;

export function makeReading(model: Model, events: ReadingEvents, signal: AbortSignal) {
  let graph: Graph | null = null;
  /** The trait that the graph was made of. */
  let read: unknown = null;
  const timers = new Timers<"pair">(signal);

  function readModel(): void {
    guard(() => makeGraph(decodeModel(model.get("_model"))));
  }

  function readView(): void {
    // A model that did not go with the view before may go with this one.
    const known = graph;
    if (known && model.get("_model") === read) guard(() => known);
    else readModel();
  }

  /** Show what there is of a graph, or say in one sentence why it cannot be shown. */
  function guard(find: () => Graph, patient = true): void {
    timers.cancel("pair");
    let scene: Scene | null = null;
    let broken = "";
    try {
      const found = find();
      scene = makeScene(found, decodeView(model.get("_view"), found.data));
      graph = found;
      read = model.get("_model");
    } catch (error) {
      // Until both are there, the old picture stays.
      if (patient && graph) {
        timers.later("pair", PAIR, () => guard(find, false));
        return;
      }
      broken =
        error instanceof PayloadError
          ? error.message
          : "The picture cannot be shown: what arrived cannot be read. Restart the kernel and reload the page.";
      graph = null;
    }
    events.broken(broken);
    events.show(scene);
  }

  return {
    get graph(): Graph | null {
      return graph;
    },
    readModel,
    readView,
  };
}
