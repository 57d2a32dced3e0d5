// Stands in for the kernel: the model's traits, and answers that were worked out before.
const state = JSON.parse(document.getElementById("ks-state").textContent);
const { traits, places } = state;
const calls = new Map(traits._model.calls.name.map((name, call) => [name, call]));
const folds = new Map(places.folds);
const listeners = new Map();
let place = places.start;
let direction = places.direction;
// Two depths may look alike: what was asked for is what is said.
let depth = null;

const emit = (event, ...given) => {
  for (const callback of [...(listeners.get(event) ?? [])]) callback(...given);
};
const model = {
  get: (name) => traits[name],
  set(name, value) {
    if (traits[name] === value) return;
    traits[name] = value;
    emit(`change:${name}`, model, value);
  },
  save_changes() {},
  on(event, callback) {
    if (!listeners.has(event)) listeners.set(event, new Set());
    listeners.get(event).add(callback);
  },
  off(event, callback) {
    if (callback) listeners.get(event)?.delete(callback);
    else listeners.delete(event);
  },
  send(asked) {
    // Later, as a kernel would: who asks does not expect the answer before it has asked.
    queueMicrotask(() => emit("msg:custom", reply(asked), []));
  },
};

const answers = {
  preview({ call }) {
    const found = state.previews[calls.get(call)];
    if (!found) throw new Error("Nothing is known of a cut there.");
    return found;
  },
  costs() {
    if (!state.costs) throw new Error("The costs are not known: the model has unknown dimensions.");
    model.set("_costs", state.costs);
    return {};
  },
  view(asked) {
    let to = place;
    if (Object.hasOwn(places.depths, asked.depth)) {
      depth = asked.depth;
      to = places.depths[depth];
    }
    // What is too far inside to have a view of its own is seen in that of everything.
    if ("open" in asked) to = folds.get(asked.open) ?? places.depths.all;
    if ("reveal" in asked) to = places.reveal[calls.get(asked.reveal)] ?? place;
    if ("close" in asked) {
      to = places.places[folds.get(asked.close)]?.[2] ?? -1;
      if (to < 0) throw new Error("This block stays open in a saved page.");
    }
    if (asked.direction === "down" || asked.direction === "right") direction = asked.direction;
    show(to);
    return {};
  },
  code() {
    if (!state.code) throw new Error("No cut is placed: there is no split to write.");
    return { code: state.code };
  },
  cancel: () => ({}),
};

function reply({ id, kind, ...asked }) {
  try {
    const answer = Object.hasOwn(answers, kind) ? answers[kind] : null;
    if (!answer) throw new Error("This is a saved page: open the model in a notebook to work with it.");
    return { kind: "reply", id, ok: true, ...answer(asked) };
  } catch (error) {
    return { kind: "reply", id, ok: false, error: error.message };
  }
}

function show(to) {
  place = to;
  const { share, ...own } = places.views[places.places[to][direction === "down" ? 0 : 1]];
  const { opened, ...common } = places.shared[share];
  traits.opened = opened;
  if (places.depths[depth] === to) common.depth = depth;
  model.set("_view", { ...common, ...own });
}

const fill = () => model.set("height", Math.max(360, innerHeight - state.around));
show(place);
fill();
addEventListener("resize", fill);
widget.render({ model, el: document.getElementById("ks-page") });
