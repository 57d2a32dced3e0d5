/** Mouse, pen, touch and wheel on the picture, as what they mean. */

export interface Surface {
  pan(dx: number, dy: number): void;
  zoom(x: number, y: number, factor: number): void;
  /** The pointer rests here, nothing is held. */
  point(x: number, y: number): void;
  leave(): void;
  /** Something is being dragged: nothing is pointed at. */
  grab(): void;
  click(x: number, y: number, touch: boolean): void;
  double(x: number, y: number): void;
  /** A page of the wheel, in pixels. */
  page(): number;
}

const DRAG = 4;
type Place = { x: number; y: number };

export function listenTo(canvas: HTMLCanvasElement, surface: Surface, signal: AbortSignal): void {
  const pointers = new Map<number, Place>();
  let dragged = 0;

  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    act: (event: HTMLElementEventMap[K]) => void,
  ) => canvas.addEventListener(type, act, { signal, passive: false });
  on("pointerdown", down);
  on("pointermove", move);
  on("pointerup", release);
  on("pointercancel", release);
  on("pointerleave", () => pointers.size || surface.leave());
  on("dblclick", (event) => surface.double(...at(event)));
  on("wheel", wheel);

  function at(event: MouseEvent): [number, number] {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const [x, y] = at(event);
    if (pointers.size === 0) dragged = 0;
    pointers.set(event.pointerId, { x, y });
    canvas.setPointerCapture?.(event.pointerId);
  }

  function move(event: PointerEvent): void {
    const [x, y] = at(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") surface.point(x, y);
      return;
    }
    if (pointers.size === 1) drag(before, x, y);
    else pinch(event.pointerId, before, x, y);
    if (dragged > DRAG) pointers.set(event.pointerId, { x, y });
  }

  function release(event: PointerEvent): void {
    const known = pointers.delete(event.pointerId);
    const [x, y] = at(event);
    const touch = event.pointerType === "touch";
    canvas.style.cursor = "grab";
    if (!known || pointers.size > 0 || event.type !== "pointerup") return;
    if (dragged <= DRAG) surface.click(x, y, touch);
    else if (!touch) surface.point(x, y);
  }

  function drag(before: Place, x: number, y: number): void {
    dragged = Math.max(dragged, Math.hypot(x - before.x, y - before.y));
    if (dragged <= DRAG) return;
    canvas.style.cursor = "grabbing";
    surface.grab();
    surface.pan(x - before.x, y - before.y);
  }

  function pinch(id: number, before: Place, x: number, y: number): void {
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    dragged = DRAG + 1;
    const old = Math.hypot(before.x - other.x, before.y - other.y) || 1;
    const now = Math.hypot(x - other.x, y - other.y) || 1;
    surface.zoom((before.x + other.x) / 2, (before.y + other.y) / 2, now / old);
    surface.pan((x - before.x) / 2, (y - before.y) / 2);
  }

  function wheel(event: WheelEvent): void {
    const [x, y] = at(event);
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? surface.page() : 1;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const step = Math.min(Math.max(event.deltaY * unit, -120), 120);
      surface.zoom(x, y, Math.exp(-step * 0.004));
    } else if (event.shiftKey) {
      event.preventDefault();
      // With Shift a mouse wheel reports one axis, a trackpad both.
      const both = event.deltaX !== 0 && event.deltaY !== 0;
      const dy = event.deltaY || event.deltaX;
      surface.pan(both ? -event.deltaX * unit : 0, -dy * unit);
    }
    // A plain wheel belongs to the notebook.
  }
}
