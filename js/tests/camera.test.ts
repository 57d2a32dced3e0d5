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
});
