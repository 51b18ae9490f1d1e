/** The list of every photograph that shows a place. */

import { holds } from "./archive.js";
import { frameCard, markAlone } from "./cards.js";
import { label, yearOf } from "./dates.js";
import { byId, counted, make } from "./dom.js";
import { byTime, eachFewAtOnce, framesAt } from "./frames.js";
import { t } from "./words.js";

export class Place {
  /**
   * @param {object} acts what a card can do, see `frameCard`, with `list(service)`: address of a collection's frames, `closed()`,
   *   `found(frames)`
   */
  constructor(acts) {
    this.acts = acts;
    this.section = byId("here");
    this.frames = [];
    this.at = null;
  }

  /** List what shows a place; a later call or `close` ends an earlier one. */
  async open(at, services, focus) {
    this.close();
    this.at = at;
    const stop = new AbortController();
    this.stop = stop;
    const candidates = services.filter((service) => holds(service.box, at));
    const faults = [];
    this.section.hidden = false;
    this.head(candidates.length ? t("Looking into {collections} …", { collections: counted(candidates.length, "collection") }) : "");
    this.section.setAttribute("aria-busy", "true");
    if (focus) byId("panel-body").focus({ preventScroll: true });
    await eachFewAtOnce(candidates, async (service) => {
      try {
        const found = [];
        for await (const frame of framesAt(service, this.acts.list(service), at, { signal: stop.signal })) found.push(frame);
        if (stop.signal.aborted) return;
        this.frames.push(...found);
        if (found.length) this.show();
      } catch (error) {
        if (!stop.signal.aborted) faults.push({ service, error });
      }
    });
    if (stop.signal.aborted) return;
    this.section.removeAttribute("aria-busy");
    this.show();
    this.tell(faults);
    this.acts.found(this.frames);
  }

  close() {
    this.stop?.abort();
    this.frames = [];
    this.at = null;
    this.section.hidden = true;
    this.section.removeAttribute("aria-busy");
    this.section.replaceChildren();
  }

  head(text) {
    const [lon, lat] = this.at;
    const close = make("button", { type: "button", class: "icon close", title: t("Close this list"), click: () => this.acts.closed() }, "×", make("span", { class: "hidden" }, ` ${t("Close this list")}`));
    this.status = make("p", { role: "status", class: "quiet" }, text);
    this.list = make("div", {});
    this.faults = make("div", {});
    const where = `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`;
    this.section.replaceChildren(make("div", { class: "row" }, make("h2", {}, t("Photographs here")), close), make("p", { class: "quiet" }, where), this.status, this.list, this.faults);
  }

  show() {
    this.frames.sort(byTime);
    const cards = new Map([...this.list.querySelectorAll(".frame")].map((card) => [card.dataset.frame, card]));
    const years = new Map();
    for (const frame of this.frames) years.set(yearOf(frame), [...(years.get(yearOf(frame)) ?? []), frame]);
    this.list.replaceChildren(
      ...[...years].map(([year, frames]) => make("section", {},
        make("h3", {}, label(year)),
        make("ol", { class: "frames" }, ...frames.map((frame) => cards.get(frame.id) ?? frameCard(frame, this.acts))))),
    );
    this.status.textContent = this.frames.length
      ? t("{photographs} of {years}", { photographs: counted(this.frames.length, "photograph"), years: counted(years.size, "year") })
      : t("No photograph of the archive shows this place.");
    if (this.alone) markAlone(this.list, this.alone);
  }

  /** Say which collections could not be asked, each cause once. */
  tell(faults) {
    const causes = new Map();
    for (const { service, error } of faults) causes.set(error.message, [...(causes.get(error.message) ?? []), service.title]);
    this.faults.replaceChildren(...[...causes].map(([message, titles]) =>
      make("p", { class: "fault", role: "alert" }, make("strong", {}, t("Not searched: {titles}. ", { titles: few(titles) })), message)));
  }

  /** Mark the card of the photograph that is shown alone. */
  mark(id) {
    this.alone = id;
    if (this.list) markAlone(this.list, id);
  }
}

/** Return the first of some titles, and how many more there are. */
function few(titles) {
  const first = titles.slice(0, 3).join(", ");
  return titles.length > 3 ? t("{titles} and {number} more", { titles: first, number: titles.length - 3 }) : first;
}
