/** Scans that nobody has georeferenced yet: what is known of each, and its download. They are on no map, and nothing here guesses where. */

import { spaced } from "./archive.js";
import { frameTitle } from "./cards.js";
import { readableDate, timeOf } from "./dates.js";
import { byId, counted, link, make, webAddress } from "./dom.js";
import { eachFewAtOnce } from "./frames.js";
import { readJson } from "./ranges.js";
import { MOST_FRAMES, MOST_SCANNED, MOST_SERVICES, findScans, findServices } from "./search.js";
import { ALL_SCANS } from "./state.js";
import { t } from "./words.js";

/**
 * @typedef {object} ScanCollection entry of `catalog/scans.json`
 * @property {string} id
 * @property {string} title
 * @property {string} county as people write it
 * @property {string} agency
 * @property {string} year
 * @property {string} product
 * @property {number} scans
 */

export class Scans {
  /**
   * @param {{archive: () => string, list: (entry: ScanCollection) => string, page: (entry: ScanCollection) => string,
   *   near: (entries: ScanCollection[]) => ScanCollection[], chosen: (id: string) => void, closed: () => void, box: (box: ?number[]) => void}} acts
   *   addresses of the lists and of a collection's page; `box` draws a rectangle, degrees
   */
  constructor(acts) {
    this.acts = acts;
    this.section = byId("scans");
    this.lists = new Map();
    this.id = null;
  }

  /** Show the collections that have scans without a position, or the scans of one; a later call or `close` ends an earlier one. */
  async open(id, focus) {
    this.close();
    this.id = id;
    this.section.hidden = false;
    this.show(t("Scans without a position"), make("p", { role: "status", class: "quiet" }, t("Looking …")));
    if (focus) byId("panel-body").focus({ preventScroll: true });
    try {
      const all = await this.collections();
      const entry = all.find((one) => one.id === id);
      const list = entry && (await this.list(entry));
      if (this.id !== id) return;
      if (id === ALL_SCANS) this.showCollections(all);
      else if (entry) this.showScans(entry, list);
      else this.show(t("Scans without a position"), make("p", { role: "status" }, t("The collection that this link names has no scans without a position now.")));
    } catch (error) {
      if (this.id === id) this.show(t("Scans without a position"), make("p", { class: "fault", role: "alert" }, error.message));
    }
  }

  close() {
    this.id = null;
    this.section.hidden = true;
    this.section.replaceChildren();
    this.acts.box(null);
  }

  show(title, ...children) {
    const close = make("button", { type: "button", class: "icon close", title: t("Close this list"), click: () => this.acts.closed() }, "×", make("span", { class: "hidden" }, ` ${t("Close this list")}`));
    this.section.replaceChildren(make("div", { class: "row" }, make("h2", {}, title), close), ...children);
  }

  showCollections(all) {
    const shown = this.acts.near(all).slice(0, MOST_SERVICES);
    const total = all.reduce((sum, { scans }) => sum + scans, 0);
    this.show(t("Scans without a position"),
      make("p", { role: "status", class: "quiet" }, all.length ? t("{scans} in {collections}. Nobody has georeferenced them yet, so no map shows them.", { scans: counted(total, "scan"), collections: counted(all.length, "collection") }) : t("Every scan of the archive has its place on the map.")),
      this.entries(shown),
      all.length > shown.length ? make("p", { class: "quiet" }, t("The {number} nearest to the map’s middle; search for a county to see others.", { number: shown.length })) : "");
  }

  showScans(entry, { place, scans }) {
    const shown = scans.slice(0, MOST_FRAMES);
    const page = this.acts.page(entry);
    this.acts.box(place.bbox ?? null);
    this.show(entry.title,
      make("p", { role: "status", class: "quiet" }, t("{scans} without a position. {place}", { scans: counted(scans.length, "scan"), place: place.text })),
      make("ol", { class: "frames" }, ...shown.map((scan) => scanCard(scan, entry, place))),
      make("p", { class: "quiet" }, scans.length > shown.length ? t("The first {number}. ", { number: shown.length }) : "", link(t("All of them on a page"), page)));
  }

  entries(entries) {
    return make("ul", {}, ...entries.map((entry) => make("li", {}, make("button", { type: "button", class: "service", click: () => this.acts.chosen(entry.id) },
      make("strong", {}, entry.county || entry.title), " ", make("span", {}, `${entry.agency} ${entry.year}`), make("span", { class: "quiet" }, counted(entry.scans, "scan"))))));
  }

  /** Return what a search shows of scans without a position; nothing where it finds none. @returns {Promise<Node[]>} */
  async found(query) {
    const all = await this.collections();
    const { services: entries, rest, place } = findServices(all, query);
    const isNamed = entries.length > 0;
    const hits = [];
    const scanned = place || !rest.length ? [] : this.acts.near(isNamed ? entries : all).slice(0, MOST_SCANNED);
    await eachFewAtOnce(scanned, async (entry) => {
      const list = await this.list(entry);
      hits.push(...findScans(list, rest).map((scan) => scanCard(scan, entry, list.place)));
    });
    const collections = rest.length ? [] : entries.slice(0, MOST_SERVICES);
    if (!hits.length && !collections.length) return [];
    return [
      make("h2", {}, t("Scans without a position")),
      hits.length ? make("ol", { class: "frames" }, ...hits.slice(0, MOST_FRAMES)) : "",
      this.entries(collections),
    ];
  }

  /** Return the collections that have such scans; they are read when somebody first wants them. @returns {Promise<ScanCollection[]>} */
  async collections() {
    try {
      const { collections } = await this.read("", this.acts.archive());
      return collections.map((entry) => ({ ...entry, county: spaced(entry.county ?? "") }));
    } catch (error) {
      if (error.kind === "missing") return []; // an archive that was published by an older version
      throw error;
    }
  }

  list(entry) {
    return this.read(entry.id, this.acts.list(entry));
  }

  async read(name, address) {
    if (!this.lists.has(name)) this.lists.set(name, readJson(address));
    try {
      return await this.lists.get(name);
    } catch (error) {
      this.lists.delete(name);
      throw error;
    }
  }
}

/** Make the card of a scan: only what is known of it. */
function scanCard(scan, entry, place) {
  const name = frameTitle(entry, scan.roll, scan.frame, scan.name);
  const address = webAddress(scan.picture);
  const shown = address ? make("img", { src: address, alt: t("Scan {name}", { name }), loading: "lazy" }) : t("No picture: {reason}", { reason: scan.no_picture ?? t("none is known") });
  return make("li", { class: "frame scan" },
    make("span", { class: "thumbnail" }, shown),
    make("div", { class: "facts" },
      make("h4", {}, name),
      make("p", {}, readableDate(timeOf(scan), scan.date)),
      make("p", { class: "quiet" }, [place.known ? t("{county}, place unknown", { county: entry.county }) : t("Place unknown"), entry.agency].filter(Boolean).join(" · ")),
      make("p", { class: "ways" }, link(t("Scan"), scan.scan, { title: t("The scan as it was delivered, without a place"), download: true }))));
}
