import { describe, expect, it, vi } from "vitest";
import { FakeModel, NAMES, model as rawModel, unfolded } from "./fixture";
import { drawn, open, setUp, WIDTH } from "./page";

setUp();

describe("names in an open group", () => {
  const inside = () => {
    const names = NAMES.map((name, call) => (call > 1 && call < 5 ? `net#2/${name}` : name));
    const raw = unfolded();
    raw.boxes.title = [...names];
    Object.assign(raw.frames[0], { id: "net#2", title: "net#2", kind: 3, count: 1 });
    const other = rawModel((model) => {
      model.calls.name = [...names];
    });
    return open(new FakeModel({ _model: other, _view: raw }));
  };

  const seen = (option: HTMLElement) =>
    option.querySelector<HTMLElement>("bdi")!.dataset.seen ?? option.textContent!;

  it("are seen without its path, which is on the outline, and heard whole", () => {
    const { options, labels, list, key, $, type, model } = inside();
    expect(seen(options()[2])).toBe("left");
    expect(options()[2].textContent).toBe("net#2/left");
    expect(labels()[2]).toMatch(/^net#2\/left, /);
    expect(options()[2].title).toMatch(/^net#2\/left/);
    vi.advanceTimersByTime(50);
    const texts = drawn.calls.map((call) => call.args[0]);
    expect([texts.includes("left"), texts.includes("net#2/left")]).toEqual([true, false]);
    key(list, "l"); // found by what is seen
    expect(model.get("selection")).toBe("net#2/left");
    key(list, "i");
    key(list, "n");
    vi.advanceTimersByTime(1000);
    for (const letter of "net#2/r") key(list, letter); // and by the whole name
    expect(model.get("selection")).toBe("net#2/right");
    expect($(".ks-what").textContent).toBe("net#2/rightBatchNormalization");
    type("left"); // no outlines here
    expect(seen(options()[0])).toBe("net#2/left");
  });

  it("lose their middle where there is no room, letter by letter", () => {
    const room = vi.spyOn(HTMLElement.prototype, "scrollWidth", "get").mockReturnValue(0);
    const name = `${"🙂".repeat(90)}_end`;
    const raw = unfolded();
    raw.boxes.title[1] = name;
    const { options, model, $ } = open(
      new FakeModel({
        _view: raw,
        _model: rawModel((model) => {
          model.calls.name[1] = name;
        }),
      }),
    );
    expect(seen(options()[1])).toBe(name);
    room.mockReturnValue(WIDTH + 1);
    vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(WIDTH - 1);
    model.set("height", 500); // the size is taken anew
    const shown = seen(options()[1]);
    expect(shown).toMatch(/^(🙂)+…(🙂)+_end$/u);
    expect(6 * shown.length).toBeLessThan(WIDTH);
    expect(options()[1].textContent).toBe(name);
    expect(options()[1].querySelector("bdi")).not.toBeNull();
    expect(options()[1].getAttribute("aria-label")).toContain(name);
    $(".ks-list").dispatchEvent(new Event("scroll"));
    expect(seen(options()[1])).toBe(shown);
  });
});
