/** The search field and its results. */

import { frameTitle, serviceEntry } from "./cards.js";
import { readableDate } from "./dates.js";
import { byId, counted, make } from "./dom.js";
import { eachFewAtOnce } from "./frames.js";
import { readJson } from "./ranges.js";
import { MOST_FRAMES, MOST_SCANNED, MOST_SERVICES, findFrames, findServices } from "./search.js";
import { t } from "./words.js";

const PAUSE_MS = 200;

export class Finder {
  /**
   * @param {() => Service[]} services
   * @param {{changed: (query: string) => void, service: (service: Service) => void, frame: (service: Service, frame: Array) => void,
   *   place: (at: number[]) => void, scans: (query: string) => Promise<Node[]>, list: (service: Service) => string, near: (services: Service[]) => Service[]}} acts
   */
  constructor(services, acts) {
    this.services = services;
    this.acts = acts;
    this.field = byId("query");
    this.section = byId("found");
    this.lists = new Map();
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(this.field.value), PAUSE_MS);
    });
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.timer);
      this.search(this.field.value).then(() => this.section.querySelector("button")?.focus());
    });
    this.field.addEventListener("keydown", (event) => event.key === "Escape" && this.clear());
  }

  clear() {
    this.field.value = "";
    this.search("");
  }

  /** Show what a query finds; a later search ends an earlier one. */
  async search(query, quietly = false) {
    this.current = query;
    if (this.field.value !== query) this.field.value = query;
    if (!quietly) this.acts.changed(query.trim());
    this.section.hidden = !query.trim();
    if (!query.trim()) return;
    const { services, rest, place } = findServices(this.services(), query);
    if (place) {
      this.section.replaceChildren(make("h2", {}, t("Place")), make("ul", {}, make("li", {}, make("button", { type: "button", class: "service", click: () => this.acts.place(place) }, t("Go to {latitude}, {longitude}", { latitude: place[1], longitude: place[0] })))));
      return;
    }
    const scanned = rest.length ? this.acts.near(services.length ? services : this.services()).slice(0, MOST_SCANNED) : [];
    this.showServices(services, scanned.length > 0);
    await Promise.all([scanned.length && this.searchFrames(query, scanned, rest, services.length), this.searchScans(query)]);
  }

  showServices(services, more) {
    const shown = services.slice(0, MOST_SERVICES);
    this.frames = make("div", {});
    this.scans = make("div", {});
    this.none = more ? null : make("p", { role: "status" }, t("Nothing found. Names of counties and agencies, years, a roll and frame such as 4-173, or a date such as 1951-03-22 can be found."));
    this.section.replaceChildren(
      this.frames,
      ...(shown.length
        ? [make("h2", {}, counted(services.length, "collection")), make("ul", {}, ...shown.map((service) => serviceEntry(service, this.acts.service))),
           services.length > shown.length ? make("p", { class: "quiet" }, t("The first {number}; add a word to narrow them down.", { number: shown.length })) : ""]
        : [this.none ?? ""]),
      this.scans,
    );
  }

  async searchFrames(query, services, rest, narrowed) {
    const found = [];
    const faults = new Set();
    const status = make("p", { role: "status", class: "quiet" }, t("Looking for frames in {collections} …", { collections: counted(services.length, "collection") }));
    this.frames.replaceChildren(status);
    await eachFewAtOnce(services, async (service) => {
      try {
        for (const frame of findFrames(await this.list(service), rest)) found.push({ service, frame });
      } catch (error) {
        faults.add(error.message);
      }
    });
    if (this.current !== query) return;
    const shown = found.slice(0, MOST_FRAMES);
    status.textContent = found.length
      ? counted(found.length, "photograph")
      : narrowed
        ? t("No such photograph in the collections found.")
        : t("No such photograph in the collections nearest to the map’s middle; name a county to look elsewhere.");
    this.frames.append(
      make("ul", {}, ...shown.map(({ service, frame }) => this.frameEntry(service, frame))),
      ...[...faults].map((message) => make("p", { class: "fault", role: "alert" }, message)),
    );
  }

  /** Add what a query finds among the scans that are on no map. */
  async searchScans(query) {
    const found = await this.acts.scans(query).catch((error) => [make("p", { class: "fault", role: "alert" }, error.message)]);
    if (this.current !== query || !found.length) return;
    this.none?.remove();
    this.scans.replaceChildren(...found);
  }

  frameEntry(service, frame) {
    const [name, roll, number, date] = frame;
    return make("li", {}, make("button", { type: "button", class: "service", click: () => this.acts.frame(service, frame) },
      make("strong", {}, frameTitle(service, roll, number, name)), " ", make("span", {}, readableDate(date, null)), make("span", { class: "quiet" }, service.title)));
  }

  async list(service) {
    if (!this.lists.has(service.id)) this.lists.set(service.id, readJson(this.acts.list(service)));
    try {
      return await this.lists.get(service.id);
    } catch (error) {
      this.lists.delete(service.id);
      throw error;
    }
  }
}
