import { describe, expect, it } from "vitest";
import * as camera from "../src/camera";

const view = { width: 600, height: 500 };
const tall: camera.Bounds = [-75, 0, 249, 11_124];
const small: camera.Bounds = [-75, 0, 75, 300];

describe("camera", () => {
  it("zooms about a point that stays where it is", () => {
    const before = { x: -120, y: 40, scale: 0.8 };
    for (const factor of [0.5, 1.7, 100]) {
      const after = camera.zoomAbout(before, 210, 95, factor, 0.1);
      const [wx, wy] = camera.toWorld(before, 210, 95);
      const [sx, sy] = camera.toScreen(after, wx, wy);
      expect(sx).toBeCloseTo(210);
      expect(sy).toBeCloseTo(95);
      expect(after.scale).toBeLessThanOrEqual(camera.MAX_SCALE);
    }
    expect(camera.zoomAbout(before, 0, 0, 0.001, 0.1).scale).toBe(0.1);
  });

  it("pans by pixels of the screen", () => {
    const after = camera.panBy({ x: 0, y: 0, scale: 2 }, 10, -30);
    expect(after).toEqual({ x: -5, y: 15, scale: 2 });
  });

  it("fits the whole, centred", () => {
    const whole = camera.overview(tall, view);
    const [, top] = camera.toScreen(whole, 0, 0);
    const [, bottom] = camera.toScreen(whole, 0, 11_124);
    expect(top).toBeCloseTo(20);
    expect(bottom).toBeCloseTo(480);
    expect(camera.toScreen(whole, 87, 0)[0]).toBeCloseTo(300);
  });

  it("opens a small model whole and a tall one at a legible scale, axis in the middle", () => {
    expect(camera.opening(small, view)).toEqual(camera.overview(small, view));
    const open = camera.opening(tall, view);
    expect(open.scale).toBeGreaterThanOrEqual(0.8);
    expect(open.scale).toBeLessThanOrEqual(1);
    expect(camera.toScreen(open, 0, 0)[0]).toBeCloseTo(300);
    expect(camera.toScreen(open, 0, 0)[1]).toBeCloseTo(20);
  });

  it("opens with long skips in view where there is little room, beside the axis", () => {
    const narrow = { width: 300, height: 500 };
    const open = camera.opening(tall, narrow);
    expect(open.scale).toBeCloseTo(260 / 324);
    expect(camera.toScreen(open, -75, 0)[0]).toBeCloseTo(20);
    expect(camera.toScreen(open, 249, 0)[0]).toBeCloseTo(280);
    // Walking down the axis does not push them out again.
    expect(camera.reveal(open, [-75, 400, 75, 436], narrow).x).toBe(open.x);
    // With less room text could not be read: then the axis is in the middle.
    const least = camera.opening(tall, { width: 200, height: 500 });
    expect(camera.toScreen(least, 0, 0)[0]).toBeCloseTo(100);
  });

  it("opens a model whole from half size on, else with names of 9 pixels, 12 units here", () => {
    const wide: camera.Bounds = [-420, 0, 250, 680];
    const room = { width: 560, height: 560 };
    expect(camera.opening(wide, room)).toEqual(camera.overview(wide, room));
    expect(camera.opening(wide, { width: 500, height: 400 }).scale).toBeCloseTo(0.53);
    // From too far: as much of its beginning as can be read, the axis in the middle.
    for (const width of [200, 320, 500]) {
      const open = camera.opening(wide, { width, height: 320 });
      expect(12 * open.scale).toBe(9);
      expect(camera.toScreen(open, 0, 0)).toEqual([expect.closeTo(width / 2), expect.closeTo(20)]);
    }
    // What is lower than the view stands in its middle.
    const low = camera.opening([-420, 0, 250, 100], { width: 320, height: 400 });
    expect(camera.toScreen(low, 0, 50)[1]).toBeCloseTo(200);
  });

  it("reveals no call in smaller letters than that", () => {
    const far = { x: -300, y: -100, scale: 0.6 };
    expect(camera.reveal(far, [-75, 0, 75, 36], view).scale).toBe(0.95);
    const near = { x: -300, y: -100, scale: 0.75 };
    expect(camera.reveal(near, [-75, 0, 75, 36], view)).toBe(near);
  });

  it("leaves nothing blank before the beginning or after the end", () => {
    const before = camera.settle({ x: 7, y: -90, scale: 0.5 }, tall, view);
    expect(before).toEqual({ x: 7, y: -40, scale: 0.5 });
    const after = camera.settle({ x: 7, y: 11_000, scale: 1 }, tall, view);
    expect(after.y).toBe(11_124 + 20 - 500);
    const within = { x: 7, y: 600, scale: 1 };
    expect(camera.settle(within, tall, view)).toEqual(within);
    // All of it fits: it is centred.
    expect(camera.settle(within, small, view).y).toBe(150 - 250);
    const right = camera.settle({ x: -90, y: 7, scale: 0.5 }, [0, -75, 11_124, 75], view, false);
    expect(right).toEqual({ x: -40, y: 7, scale: 0.5 });
  });

  it("cannot lose the model", () => {
    const lost = camera.keepInside({ x: 1e5, y: -1e5, scale: 1 }, tall, view);
    expect(camera.toWorld(lost, 300, 250)).toEqual([249, 0]);
  });

  it("reveals a call in the middle of the height without swaying sideways", () => {
    const box: camera.Bounds = [99, 5000, 249, 5036];
    const shown = camera.reveal({ x: -300, y: 0, scale: 1 }, box, view);
    expect(shown).toEqual({ x: -300, y: 5018 - 250, scale: 1 });
    const far = camera.reveal({ x: -300, y: 0, scale: 1 }, [900, 0, 1050, 36], view);
    expect(camera.toScreen(far, 975, 18)).toEqual([300, 250]);
    expect(camera.reveal(far, [-75, 0, 75, 36], view).x).toBe(-300);
  });

  it("reveals nothing that can be seen and read, and goes near to what cannot be read", () => {
    for (const down of [true, false]) {
      const whole = camera.overview(small, view);
      expect(camera.reveal(whole, [-75, 0, 75, 36], view, down)).toBe(whole);
      // Half of it is out of view.
      const cut = { ...whole, x: whole.x + 100, y: whole.y + 250 };
      expect(camera.reveal(cut, [-75, 0, 75, 36], view, down)).not.toEqual(cut);
      const far = camera.overview(tall, view);
      const near = camera.reveal(far, [-75, 8000, 75, 8036], view, down);
      expect(near.scale).toBe(0.95);
      const [x, y] = camera.toScreen(near, 0, 8018);
      expect([down ? x : 300, y]).toEqual([300, expect.closeTo(250)]);
    }
  });

  it("does the same for a model that runs from left to right", () => {
    const wide: camera.Bounds = [0, -75, 11_124, 249];
    const swapped = { width: view.height, height: view.width };
    const open = camera.opening(wide, view, false);
    const upright = camera.opening(tall, swapped);
    expect([open.y, open.x, open.scale]).toEqual([upright.x, upright.y, upright.scale]);
    const shown = camera.reveal({ x: 0, y: -250, scale: 1 }, [5000, 0, 5036, 36], view, false);
    expect(shown).toEqual({ x: 5018 - 300, y: -250, scale: 1 });
  });

  it("keeps a point where it is when what is under it changes", () => {
    const before = { x: -100, y: 50, scale: 0.8 };
    const at: [number, number] = [120, 40]; // the world point (50, 100)
    const box: camera.Bounds = [0, 80, 100, 120];
    const frame: camera.Bounds = [-200, 300, 200, 900];
    const after = camera.anchor(before, box, frame, at);
    expect(after.scale).toBe(0.8);
    // Half way across and half way down, as before.
    expect(camera.toWorld(after, ...at)).toEqual([0, 600]);
    const back = camera.anchor(after, frame, box, at);
    expect(camera.toWorld(back, ...at)).toEqual([50, 100]);
    // Beside the box it keeps its distance.
    const beside = camera.anchor(before, box, frame, [-80, 40]);
    expect(camera.toWorld(beside, -80, 40)).toEqual([-400, 600]);
  });
});
