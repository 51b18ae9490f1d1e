/** Two maps on one: what lies left of the divider and what lies right of it. */

import { getRenderPixel } from "ol/render.js";
import { byId } from "./dom.js";

const STEP = 0.05;

export class Swipe {
  /**
   * @param {Map} map
   * @param {(share: number, done: boolean) => void} moved is told where the divider is; `done` when it was let go
   */
  constructor(map, moved) {
    this.map = map;
    this.moved = moved;
    this.share = 0.5;
    this.divider = byId("swipe");
    this.divider.addEventListener("keydown", (event) => this.onKey(event));
    this.divider.addEventListener("pointerdown", (event) => this.divider.setPointerCapture(event.pointerId));
    this.divider.addEventListener("pointermove", (event) => event.buttons && this.onPointer(event));
    this.divider.addEventListener("pointerup", () => this.moved(this.share, true));
  }

  /** Show or hide the divider. */
  set(active, share) {
    [this.active, this.share] = [active, share];
    this.divider.hidden = !active;
    this.divider.style.left = `${100 * share}%`;
    this.divider.setAttribute("aria-valuenow", `${Math.round(100 * share)}`);
    this.map.render();
  }

  /** Cut the layers of a group off at the divider. */
  clip(group, side) {
    const layers = group.getLayers();
    const attach = (layer) => {
      layer.on("prerender", (event) => this.cut(event, side));
      layer.on("postrender", (event) => this.active && event.context?.restore?.());
    };
    layers.forEach(attach);
    layers.on("add", (event) => attach(event.element));
  }

  cut(event, side) {
    if (!this.active || !event.context?.save) return;
    const [width, height] = this.map.getSize();
    const x = width * this.share;
    const [from, to] = side === "left" ? [0, x] : [x, width];
    const corners = [[from, 0], [to, 0], [to, height], [from, height]].map((pixel) => getRenderPixel(event, pixel));
    event.context.save();
    event.context.beginPath();
    corners.forEach(([px, py], index) => (index ? event.context.lineTo(px, py) : event.context.moveTo(px, py)));
    event.context.closePath();
    event.context.clip();
  }

  onPointer(event) {
    const { left, width } = this.map.getTargetElement().getBoundingClientRect();
    this.move((event.clientX - left) / width, false);
  }

  onKey(event) {
    const step = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, Home: -1, End: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.move(this.share + step, true);
  }

  move(share, done) {
    this.set(true, Math.min(0.99, Math.max(0.01, share)));
    this.moved(this.share, done);
  }
}
