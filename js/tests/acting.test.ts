import { describe, expect, it, vi } from "vitest";
import { PATIENCE } from "../src/protocol";
import { FakeModel, placedStem } from "./fixture";
import { open, setUp } from "./page";

setUp();

describe("acting", () => {
  const withCut = (traits = {}) => open(new FakeModel({ _placed: placedStem, ...traits }));

  it("splits, under the names in the field, and shows the code", async () => {
    const { button, model, $ } = withCut();
    const field = $<HTMLInputElement>("[aria-label='Variable names']");
    expect(field.value).toBe("part_1, part_2");
    field.value = "encoder, decoder";
    field.dispatchEvent(new Event("input"));
    button("Split").click();
    expect(model.get("variable_names")).toBe("encoder, decoder");
    expect(model.request("split").names).toBe("encoder, decoder");
    expect(button("Split").getAttribute("aria-busy")).toBe("true");
    button("Split").click();
    expect(model.sent.filter((each) => each.kind === "split").length).toBe(1);
    model.set("_result", {
      code: "encoder, decoder = ks.split(…)",
      variables: [],
      verification: null,
    });
    model.set("status", "encoder and decoder are in your notebook.");
    await model.answer(model.request("split"));
    expect(button("Split").hasAttribute("aria-busy")).toBe(false);
    expect($(".ks-code").textContent).toBe("encoder, decoder = ks.split(…)");
    expect($("[role=status]").textContent).toBe("encoder and decoder are in your notebook.");
  });

  it("shows the rows of a verification", () => {
    const { model, el } = withCut();
    model.set("_result", {
      code: "",
      variables: [],
      verification: {
        ok: false,
        sentence: "One check failed.",
        rows: [
          ["outputs", true, "max difference 0"],
          ["saved", false, "2e-3"],
        ],
      },
    });
    const rows = [...el.querySelectorAll(".ks-check")].map((row) => row.textContent);
    expect(rows).toEqual([
      "✕failed: One check failed.",
      "✓passed: outputsmax difference 0",
      "✕failed: saved2e-3",
    ]);
  });

  it("shows what was refused beside what is under way", async () => {
    const { button, model, $ } = withCut();
    button("Verify").click();
    model.set("_busy", { what: "Comparing", done: 1, total: 3 });
    button("Split").click();
    const error = "part_1 is already in use.";
    model.set("last_error", error);
    await model.answer(model.request("split"), { ok: false, error });
    const words = () => [$("[role=status]").textContent, $("[role=alert]").textContent];
    expect(words()).toEqual(["Comparing (1 of 3)", error]);
    model.set("_busy", { what: "Comparing", done: 2, total: 3 });
    expect(words()).toEqual(["Comparing (2 of 3)", error]);
    model.set("last_error", "");
    model.set("_busy", {});
    await model.answer(model.request("verify"));
    expect(words()).toEqual([model.get("status"), ""]);
  });

  it("takes the second half of a double click, or a key held down, for no second press", async () => {
    const { button, model, kinds, key } = withCut();
    const press = (detail: number) =>
      button("Split").dispatchEvent(new MouseEvent("click", { bubbles: true, detail }));
    press(1);
    const error = "part_1 is already in use. Press Split again to replace.";
    await model.answer(model.request("split"), { ok: false, error });
    press(2);
    expect(kinds().filter((kind) => kind === "split").length).toBe(1);
    expect(key(button("Split"), "Enter", { repeat: true })).toBe(false);
    expect(key(button("Split"), "Enter")).toBe(true);
    press(1); // a press by itself
    expect(kinds().filter((kind) => kind === "split").length).toBe(2);
  });

  it("shows an error as an alert, until it is over", async () => {
    const { button, model, $ } = withCut();
    button("Split").click();
    await model.answer(model.request("split"), { ok: false, error: "part_1 exists: press again." });
    expect($("[role=alert]").textContent).toBe("part_1 exists: press again.");
    expect($("[role=status]").textContent).toBe("");
    button("Split").click();
    model.set("status", "Done.");
    await model.answer(model.request("split"));
    expect($("[role=alert]").textContent).toBe("");
    model.set("last_error", "It went wrong.");
    expect($("[role=alert]").textContent).toBe("It went wrong.");
  });

  it("says that the kernel is busy, and stops saying so", async () => {
    const { button, model, $ } = withCut();
    button("Split").click();
    vi.advanceTimersByTime(PATIENCE);
    expect($("[role=status]").textContent).toMatch(/^No answer from the kernel yet/);
    await model.answer(model.request("split"));
    expect($("[role=status]").textContent).toMatch(/^toy/);
  });

  it("says that the kernel is gone, and the picture stays", async () => {
    const { model, button, list, key, $ } = withCut();
    model.send = () => {
      throw new Error("the comm is closed");
    };
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(1);
    expect($("[role=status]").textContent).toMatch(/kernel of this picture is gone/);
    expect(button("Split").getAttribute("aria-disabled")).toBe("true");
    expect(button("Split").title).toMatch(/gone/);
    key(list, "ArrowDown");
    vi.advanceTimersByTime(100);
    expect($(".ks-inspect").textContent).toContain("image");
    button("Split").click();
    expect(model.sent).toEqual([]);
  });

  it("trusts a host that marks the view as disconnected", () => {
    const { el, model, button, list, key } = withCut();
    el.classList.add("jupyter-widgets-disconnected");
    button("Split").click();
    key(list, "ArrowDown");
    vi.advanceTimersByTime(100);
    expect(model.sent).toEqual([]);
    expect(button("Split").getAttribute("aria-disabled")).toBe("true");
  });

  it("takes the connection for gone only when the latest question has no answer", async () => {
    const { model, $ } = withCut();
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(100);
    model.fire("comm_live_update"); // again, before the first was answered
    await vi.advanceTimersByTimeAsync(1);
    expect($("[role=status]").textContent).not.toMatch(/gone/);
    await model.answer(model.request("code"), { code: "" });
    await vi.advanceTimersByTimeAsync(4000);
    expect($("[role=status]").textContent).not.toMatch(/gone/);
  });

  it("stops waiting when the kernel goes away, and notices when one is there again", async () => {
    const { model, button, $ } = withCut();
    button("Verify").click();
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(1);
    expect(button("Verify").hasAttribute("aria-busy")).toBe(false);
    expect($("[role=status]").textContent).not.toMatch(/gone/);
    await vi.advanceTimersByTimeAsync(4000); // nobody answers
    expect($("[role=status]").textContent).toMatch(/gone/);
    model.fire("comm_live_update");
    await vi.advanceTimersByTimeAsync(1);
    await model.answer(model.request("code"), { code: "" });
    await vi.advanceTimersByTimeAsync(1);
    expect($("[role=status]").textContent).toMatch(/^toy/);
    expect(button("Split").hasAttribute("aria-disabled")).toBe(false);
  });

  it("undoes with the button and the keyboard, and clears", () => {
    const { button, model, list, key } = withCut();
    button("Undo").click();
    button("Redo").click(); // nothing to redo
    key(list, "z", { ctrlKey: true });
    button("Clear cuts").click();
    expect(model.sent.map((each) => each.kind)).toEqual(["undo", "undo", "clear"]);
  });

  it("copies the code, or selects it when the clipboard is not allowed", async () => {
    const { button, model, $ } = withCut();
    const writeText = vi.fn().mockResolvedValue(undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    button("Copy code").click();
    await model.answer(model.request("code"), { code: "split = 1" });
    await vi.advanceTimersByTimeAsync(0);
    expect(writeText).toHaveBeenCalledWith("split = 1");
    expect(button("Copied")).toBeDefined();
    vi.advanceTimersByTime(2000);
    writeText.mockRejectedValue(new Error("not allowed"));
    button("Copy code").click();
    await model.answer(model.request("code"), { code: "split = 2" });
    await vi.advanceTimersByTimeAsync(0);
    expect(window.getSelection()?.toString()).toBe("split = 2");
    expect($("[role=status]").textContent).toMatch(/press Ctrl\+C/);
    vi.unstubAllGlobals();
  });
});
