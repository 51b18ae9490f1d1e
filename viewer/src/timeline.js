/** The slider over the years. It stops only where the place shown has photographs. */

import { UNDATED } from "./archive.js";
import { label } from "./dates.js";
import { byId, counted, make } from "./dom.js";
import { t } from "./words.js";

export class Timeline {
  /** @param {(stop: number|string) => void} chosen is called when a person chooses */
  constructor(chosen) {
    this.chosen = chosen;
    this.track = byId("track");
    this.all = [];
    this.bars = [];
    this.here = [];
    this.stop = null;
    byId("earlier").addEventListener("click", () => this.step(-1));
    byId("later").addEventListener("click", () => this.step(1));
    this.track.addEventListener("keydown", (event) => this.onKey(event));
    this.track.addEventListener("pointerdown", (event) => this.onPointer(event));
    this.track.addEventListener("pointermove", (event) => event.buttons && this.onPointer(event));
  }

  /** @param {{stop: number|string, frames: number, services: number}[]} all of the archive, `here` of the place shown */
  show(all, here, stop) {
    if (all !== this.all) this.drawBars(all);
    [this.all, this.here, this.stop] = [all, here, stop];
    const available = new Set(here.map((one) => one.stop));
    this.bars.forEach((bar, index) => {
      bar.classList.toggle("here", available.has(all[index].stop));
      bar.classList.toggle("now", all[index].stop === stop);
    });
    this.describe(available);
  }

  describe(available) {
    const index = this.here.findIndex((one) => one.stop === this.stop);
    const text = this.stop === null ? "" : label(this.stop);
    const told = index >= 0 ? t("{photographs} in view", { photographs: counted(this.here[index].frames, "photograph") }) : t("none in view");
    byId("year").textContent = text;
    byId("count").textContent = this.stop === null ? "" : told;
    this.track.setAttribute("aria-valuemax", `${Math.max(0, this.here.length - 1)}`);
    this.track.setAttribute("aria-valuenow", `${Math.max(0, index)}`);
    this.track.setAttribute("aria-valuetext", `${text || t("no year")}, ${told}`);
    byId("earlier").disabled = this.next(-1) === null;
    byId("later").disabled = this.next(1) === null;
    const marker = this.track.querySelector(".marker");
    if (marker) {
      marker.hidden = this.stop === null;
      marker.style.left = `${100 * this.position(this.stop)}%`;
      marker.classList.toggle("absent", !available.has(this.stop));
    }
  }

  drawBars(all) {
    this.all = all;
    const most = Math.max(1, ...all.map((one) => one.frames));
    this.bars = all.map(({ stop, frames, services }) =>
      make("span", {
        class: "bar", style: `left: ${100 * this.position(stop)}%; height: ${25 + 65 * Math.sqrt(frames / most)}%`,
        title: t("{year}: {photographs} in {collections}", { year: label(stop), photographs: counted(frames, "photograph"), collections: counted(services, "collection") }),
      }),
    );
    this.track.replaceChildren(make("span", { class: "rail" }), ...this.bars, ...this.ticks(), make("span", { class: "marker", hidden: true }));
  }

  ticks() {
    const [first, last] = this.span();
    if (first === null) return [];
    const step = [1, 2, 5, 10, 20, 50].find((size) => (last - first) / size <= 9) ?? 100;
    const years = [];
    for (let year = Math.ceil(first / step) * step; year <= last; year += step) years.push(year);
    return years.map((year) => make("span", { class: "tick", style: `left: ${100 * this.position(year)}%` }, `${year}`));
  }

  span() {
    const years = this.all.map((one) => one.stop).filter((stop) => stop !== UNDATED);
    return years.length ? [years[0], years.at(-1)] : [null, null];
  }

  /** Return where a stop stands on the track, 0 to 1. */
  position(stop) {
    const [first, last] = this.span();
    const end = this.all.some((one) => one.stop === UNDATED) ? 0.9 : 0.98;
    if (stop === UNDATED || first === null) return 0.98;
    return last === first ? 0.5 : 0.02 + ((stop - first) / (last - first)) * (end - 0.02);
  }

  /** Return the next stop in a direction where the place shown has photographs, or null. */
  next(direction) {
    const order = (stop) => (stop === UNDATED ? Infinity : stop);
    const beyond = this.here.filter(({ stop }) => (order(stop) - order(this.stop ?? 0)) * direction > 0);
    return (direction > 0 ? beyond[0] : beyond.at(-1))?.stop ?? null;
  }

  step(direction) {
    const stop = this.next(direction);
    if (stop !== null) this.chosen(stop);
  }

  onKey(event) {
    const actions = {
      ArrowLeft: () => this.step(-1), ArrowDown: () => this.step(-1), ArrowRight: () => this.step(1), ArrowUp: () => this.step(1),
      Home: () => this.here.length && this.chosen(this.here[0].stop), End: () => this.here.length && this.chosen(this.here.at(-1).stop),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  onPointer(event) {
    if (!this.here.length) return;
    this.track.setPointerCapture?.(event.pointerId);
    const { left, width } = this.track.getBoundingClientRect();
    const at = (event.clientX - left) / width;
    const off = ({ stop }) => Math.abs(this.position(stop) - at);
    const stop = this.here.reduce((best, one) => (off(one) < off(best) ? one : best)).stop;
    if (stop !== this.stop) this.chosen(stop);
  }
}
