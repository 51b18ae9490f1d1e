/** The map and all that belongs to it; its state is what the address says. */

import Feature from "ol/Feature.js";
import OlMap from "ol/Map.js";
import View from "ol/View.js";
import { defaults as defaultControls } from "ol/control/defaults.js";
import ScaleLine from "ol/control/ScaleLine.js";
import Point from "ol/geom/Point.js";
import Polygon, { fromExtent } from "ol/geom/Polygon.js";
import ImageLayer from "ol/layer/Image.js";
import VectorLayer from "ol/layer/Vector.js";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj.js";
import ImageStatic from "ol/source/ImageStatic.js";
import VectorSource from "ol/source/Vector.js";
import { Circle, Fill, Stroke, Style } from "ol/style.js";
import { firstStop, fullest, isOf, nearest, places, stops, touches, union } from "./archive.js";
import { baseLayer, boxesLayer, color, namesLayer, placesLayer } from "./basemap.js";
import { serviceEntry } from "./cards.js";
import { label } from "./dates.js";
import { byId, make, replaceKeepingFocus } from "./dom.js";
import { Finder } from "./finder.js";
import { framesWithin } from "./frames.js";
import { Side } from "./layers.js";
import { picture } from "./picture.js";
import { Place } from "./place.js";
import { hostOf } from "./ranges.js";
import { Scans } from "./scans.js";
import { ALL_SCANS, BASE_MAP, EMPTY, readState, writeState } from "./state.js";
import { Swipe } from "./swipe.js";
import { Timeline } from "./timeline.js";
import { scaleUnits, t } from "./words.js";

const OUTLINES_FROM_ZOOM = 12;
const MOST_OUTLINED = 8;
const MOST_OUTLINES = 3000;
const ALONE_PX = 1600;
const FAILURES_TOLD = 3;

export class Viewer {
  constructor(config, root, services) {
    Object.assign(this, { config, root, services });
    this.byId = new Map(services.map((service) => [service.id, service]));
    this.hasSheets = services.some((service) => service.product === "index");
    this.everyStop = { false: stops(services.filter((service) => service.product !== "index")), true: stops(services) };
    this.whole = union(services.map((service) => service.box3857)) ?? transformExtent([-125, 24, -66, 50], "EPSG:4326", "EPSG:3857");
    this.state = { ...EMPTY };
    this.failures = new Map();
    this.makeMap();
    this.timeline = new Timeline((stop) => this.set({ year: stop }));
    this.swipe = new Swipe(this.map, (swipe, done) => {
      this.state.swipe = swipe;
      if (done) this.remember(false);
    });
    this.swipe.clip(this.left.group, "left");
    this.swipe.clip(this.right.group, "right");
    this.makePanel();
    this.connect();
  }

  makeMap() {
    this.left = new Side((service, worked) => this.heard(service, worked));
    this.right = new Side((service, worked) => this.heard(service, worked));
    this.boxes = boxesLayer(this.services);
    this.outlines = new VectorLayer({ source: new VectorSource({ wrapX: false }), style: () => outlineStyle("outline", 1), zIndex: 20 });
    this.marks = new VectorLayer({ source: new VectorSource({ wrapX: false }), style: markStyle, zIndex: 30 });
    this.county = new VectorLayer({ source: new VectorSource({ wrapX: false }), style: () => countyStyle(), zIndex: 21 });
    this.alone = new ImageLayer({ zIndex: 25 });
    this.names = namesLayer(places(this.services));
    this.names.setZIndex(40);
    this.left.group.setZIndex(10);
    this.right.group.setZIndex(10);
    this.map = new OlMap({
      target: byId("map"),
      keyboardEventTarget: byId("map"),
      controls: defaultControls({ zoom: false, attribution: false, rotate: false }).extend([new ScaleLine({ units: scaleUnits(this.config.language) })]),
      layers: [baseLayer(this.config.base_map), this.boxes.layer, this.left.group, this.right.group, this.alone, this.outlines, this.county, this.marks, this.names],
      view: new View({ maxZoom: 21, minZoom: 2, enableRotation: false, constrainResolution: false }),
    });
    byId("credits").textContent = [this.config.base_map?.attribution, this.config.attribution].filter(Boolean).join(" · ");
  }

  /** Draw and name the site's own places, instead of the counties that have photographs. */
  showPlaces(geojson) {
    const layer = placesLayer(geojson);
    layer.setZIndex(40);
    this.map.removeLayer(this.names);
    this.map.addLayer(layer);
    byId("map").dataset.places = `${layer.getSource().getFeatures().length}`;
  }

  makePanel() {
    this.place = new Place({
      list: (service) => this.url(`catalog/${encodeURIComponent(service.id)}/frames.fgb`),
      page: (service) => this.url(`catalog/${encodeURIComponent(service.id)}/index.html`),
      address: (frame) => frame.link ?? `${location.pathname}${writeState({ ...EMPTY, frame: frame.id })}`,
      alone: (frame) => this.set({ frame: this.state.frame === frame.id ? null : frame.id }),
      point: (frame) => this.pointOut(frame),
      closed: () => this.set({ at: null, frame: null }),
      found: () => this.showAlone(),
    });
    this.finder = new Finder(() => this.services, {
      list: (service) => this.url(`catalog/${encodeURIComponent(service.id)}/frames.json`),
      changed: (query) => {
        this.state.query = query;
        this.remember(false);
        this.showStart();
      },
      service: (service) => this.showService(service),
      frame: (service, frame) => this.goToFrame(service, frame),
      place: (at) => this.goTo(at, { at }),
      near: (services) => this.nearTheMiddle(services),
      scans: (query) => this.scans.found(query),
    });
    this.scans = new Scans({
      archive: () => this.url("catalog/scans.json"),
      list: (entry) => this.url(`catalog/${encodeURIComponent(entry.id)}/scans.json`),
      page: (entry) => this.url(`catalog/${encodeURIComponent(entry.id)}/scans.html`),
      near: (entries) => this.countiesNearTheMiddle(entries),
      chosen: (id) => this.set({ scans: id, at: null, frame: null }),
      closed: () => this.set({ scans: null }),
      box: (box) => this.showCounty(box),
    });
  }

  connect() {
    this.map.on("moveend", () => this.moved());
    this.map.on("rendercomplete", () => {
      byId("map").dataset.drawn = label(this.state.year ?? "");
    });
    this.map.on("singleclick", (event) => this.set({ at: toLonLat(event.coordinate), frame: null, scans: null }));
    byId("map").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.listMiddle();
      if (event.key === "Escape") this.set({ at: null, frame: null, scans: null });
    });
    byId("middle").addEventListener("click", () => this.listMiddle());
    byId("zoom-in").addEventListener("click", () => this.zoom(1));
    byId("zoom-out").addEventListener("click", () => this.zoom(-1));
    byId("home").addEventListener("click", () => this.fit(this.whole));
    byId("outlines").addEventListener("click", () => this.set({ outlines: !this.state.outlines }));
    byId("compare").addEventListener("change", (event) => this.set({ compare: readState(`?with=${event.target.value}`).compare }));
    byId("fold").addEventListener("click", () => this.fold(byId("fold").getAttribute("aria-expanded") === "true"));
    window.addEventListener("popstate", () => this.restore());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolor());
    new ResizeObserver(() => this.map.updateSize()).observe(byId("map"));
  }

  url(key) {
    return new URL(key, this.root).href;
  }

  /** Show what the address says. */
  restore() {
    const state = readState(location.search);
    const view = this.map.getView();
    if (state.center || state.at) {
      view.setCenter(fromLonLat(state.center ?? state.at));
      view.setZoom(state.zoom ?? 14);
    } else if (!view.getCenter() || !state.frame) this.fit(this.whole, 0);
    // an archive of index sheets alone begins with them
    state.sheets ||= this.hasSheets && !this.everyStop.false.length;
    state.year ??= fullest(this.everyStop[state.sheets]);
    this.place.close();
    this.scans.close();
    this.state = { ...state, at: null, scans: null };
    this.finder.search(state.query, true);
    this.apply({ at: state.at, frame: state.frame, scans: state.scans }, false);
    if (state.frame && !state.at) this.findFrame(state.frame);
  }

  /** Change the state as a person asked for: a step that the browser's back button undoes. */
  set(changes) {
    this.apply(changes, true);
    this.remember(true);
  }

  apply(changes, focus) {
    const before = this.state;
    this.state = { ...before, ...changes };
    const { at, frame, scans } = this.state;
    this.marks.getSource().clear();
    if (at) this.marks.getSource().addFeature(new Feature({ geometry: new Point(fromLonLat(at)) }));
    if (`${at}` !== `${before.at}`) {
      if (at) {
        this.fold(false);
        this.place.open(at, this.services, focus);
      } else this.place.close();
    }
    if (scans !== before.scans) {
      if (scans) this.scans.open(scans, focus);
      else this.scans.close();
    }
    // of another place its list knows the photograph first, and shows it then
    if (!frame || (frame !== before.frame && `${at}` === `${before.at}`)) this.showAlone();
    this.draw();
  }

  /** Write the state into the address. */
  remember(step) {
    const address = `${location.pathname}${writeState(this.state)}`;
    if (step) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }

  moved() {
    const view = this.map.getView();
    Object.assign(this.state, { center: toLonLat(view.getCenter()), zoom: view.getZoom() });
    this.remember(false);
    this.draw();
  }

  /** Return the box of the map in EPSG:3857. */
  extent() {
    return this.map.getView().calculateExtent(this.map.getSize());
  }

  /** Return the services that the map may show now. */
  inView() {
    const extent = this.extent();
    return this.services.filter((service) => (this.state.sheets || service.product !== "index") && touches(service.box3857, extent));
  }

  draw() {
    const view = this.map.getView();
    if (!view.getCenter() || !this.map.getSize()) return;
    const [extent, resolution] = [this.extent(), view.getResolution()];
    const inView = this.inView();
    const { year, compare, swipe } = this.state;
    const boxes = this.left.show(inView.filter((service) => isOf(service, year)), extent, resolution);
    const other = compare === null || compare === BASE_MAP ? [] : inView.filter((service) => isOf(service, compare));
    this.right.show(other, extent, resolution);
    this.boxes.fill(boxes);
    this.swipe.set(compare !== null, swipe);
    this.here = stops(inView);
    this.timeline.show(this.everyStop[this.state.sheets], this.here, year);
    this.showCompare();
    this.showStart(inView);
    this.drawOutlines(inView.filter((service) => isOf(service, year)));
    this.tellNone();
  }

  showCompare() {
    const { year, compare } = this.state;
    const options = [["", t("nothing")], [BASE_MAP, this.config.base_map ? t("the base map") : t("no photographs")], ...this.here.filter(({ stop }) => stop !== year).map(({ stop }) => [stop, label(stop)])];
    if (compare !== null && !options.some(([value]) => value === compare)) options.push([compare, label(compare)]);
    const select = byId("compare");
    if (select !== document.activeElement || select.options.length !== options.length) {
      select.replaceChildren(...options.map(([value, text]) => make("option", { value: `${value}` }, text)));
    }
    select.value = `${compare ?? ""}`;
    for (const [id, text] of [["left-label", label(year ?? "")], ["right-label", compare === BASE_MAP ? options[1][1] : label(compare ?? "")]]) {
      byId(id).hidden = compare === null;
      byId(id).textContent = text;
    }
  }

  /** List the collections in view, while no place is chosen and nothing is searched for. */
  showStart(inView = this.inView()) {
    const section = byId("start");
    section.hidden = Boolean(this.state.at || this.state.query || this.state.scans);
    if (section.hidden) return;
    const now = inView.filter((service) => isOf(service, this.state.year));
    const shown = this.nearTheMiddle(now).slice(0, 12);
    replaceKeepingFocus(section,
      make("p", { class: "hint" }, t("Click the map to list every photograph of a place.")),
      make("h2", {}, this.state.year === null ? t("Nothing is published yet") : t("{year} in view", { year: label(this.state.year) })),
      now.length ? make("ul", {}, ...shown.map((service) => serviceEntry(service, (one) => this.showService(one)))) : make("p", { class: "quiet" }, this.services.length ? t("No collection of this year in view.") : t("Collections appear here as soon as they are on a map.")),
      now.length > shown.length ? make("p", { class: "quiet" }, t("and {number} more; move the map or search.", { number: now.length - shown.length })) : "",
      this.hasSheets ? this.sheetsChoice() : "",
      make("button", { type: "button", "data-key": "scans", click: () => this.set({ scans: ALL_SCANS }) }, t("Scans without a position")),
    );
  }

  sheetsChoice() {
    const box = make("input", { type: "checkbox", "data-key": "sheets", change: () => this.set({ sheets: box.checked }) });
    box.checked = this.state.sheets;
    return make("label", { class: "choice" }, box, t(" Index sheets on the map"));
  }

  nearTheMiddle(services) {
    const [x, y] = this.map.getView().getCenter();
    const far = ({ box3857: [west, south, east, north] }) => Math.hypot((west + east) / 2 - x, (south + north) / 2 - y);
    return [...services].sort((one, other) => far(one) - far(other));
  }

  /** Return entries whose counties lie nearest to the map's middle first; the photographs of a county tell where it is. */
  countiesNearTheMiddle(entries) {
    const [x, y] = this.map.getView().getCenter();
    const known = new Map(places(this.services).map(({ name, at }) => [name, fromLonLat(at)]));
    const far = ({ county }) => (known.has(county) ? Math.hypot(known.get(county)[0] - x, known.get(county)[1] - y) : Number.MAX_VALUE);
    return [...entries].sort((one, other) => far(one) - far(other));
  }

  /** Draw the rectangle around the photographs of a county, degrees, and move there; null takes it away. */
  showCounty(box) {
    this.county.getSource().clear();
    if (!box) return;
    const extent = transformExtent(box, "EPSG:4326", "EPSG:3857");
    this.county.getSource().addFeature(new Feature(fromExtent(extent)));
    this.fit(extent);
  }

  showService(service) {
    this.set({ year: isOf(service, this.state.year) ? this.state.year : firstStop(service), sheets: this.state.sheets || service.product === "index", at: null, frame: null });
    this.fit(service.box3857);
  }

  /** Say where the nearest year is, when the one that is chosen has nothing here. */
  tellNone() {
    if (this.broken) return;
    const year = this.state.year;
    const absent = year !== null && this.here.length && !this.here.some(({ stop }) => stop === year);
    const next = absent ? nearest(this.here, year) : null;
    byId("notice").replaceChildren(...(next === null ? [] : [t("No photographs of {year} here. ", { year: label(year) }), make("button", { type: "button", click: () => this.set({ year: next }) }, t("Show {year}", { year: label(next) }))]));
  }

  /** Count how requests for maps go: one lost tile is nothing, several in a row are told. */
  heard(service, worked) {
    const host = hostOf(service.wms);
    this.failures.set(host, worked ? 0 : (this.failures.get(host) ?? 0) + 1);
    if (!worked && this.failures.get(host) < FAILURES_TOLD) return;
    this.broken = !worked;
    if (worked) return this.tellNone();
    byId("notice").replaceChildren(t("The map host {host} does not answer, so photographs cannot be drawn in detail now. They can still be listed and downloaded. ", { host }),
      make("button", { type: "button", click: () => this.retry() }, t("Try again")));
  }

  retry() {
    this.failures.clear();
    this.broken = false;
    for (const side of [this.left, this.right]) side.shown.forEach((layer) => layer.getSource().refresh());
    this.tellNone();
  }

  /** Draw the outlines of the photographs of the year, from a zoom on where a screen does not hold too many. */
  async drawOutlines(services) {
    byId("outlines").setAttribute("aria-pressed", `${this.state.outlines}`);
    const isShown = this.state.outlines && this.map.getView().getZoom() >= OUTLINES_FROM_ZOOM;
    const chosen = isShown ? this.nearTheMiddle(services).slice(0, MOST_OUTLINED) : [];
    const box = transformExtent(this.extent(), "EPSG:3857", "EPSG:4326");
    const wanted = `${chosen.map(({ id }) => id)} ${box}`;
    if (wanted === this.outlined) return; // lists are read again where the map or the year changed, not for each click
    this.outlined = wanted;
    this.outlining?.abort();
    this.outlining = new AbortController();
    const { signal } = this.outlining;
    const found = [];
    for (const service of chosen) {
      try {
        for await (const frame of framesWithin(service, this.place.acts.list(service), box, { signal })) {
          found.push(frame);
          if (found.length >= MOST_OUTLINES) break;
        }
      } catch (error) {
        if (signal.aborted) return;
        console.warn(error); // a person is told where a place is asked for
        this.outlined = null;
      }
      if (signal.aborted) return;
    }
    const source = this.outlines.getSource();
    source.clear();
    source.addFeatures(found.map(({ ring }) => outline(ring)));
    byId("map").dataset.outlines = `${found.length}`;
  }

  pointOut(frame) {
    const source = this.marks.getSource();
    source.getFeatures().filter((feature) => feature.get("ring")).forEach((feature) => source.removeFeature(feature));
    if (frame) source.addFeature(outline(frame.ring));
  }

  /** Show one photograph alone, above everything else, from its COG. */
  async showAlone() {
    const { frame: id } = this.state;
    this.place.mark(id);
    const frame = this.place.frames.find((one) => one.id === id);
    const dim = frame ? 0.35 : 1;
    for (const { group } of [this.left, this.right]) group.setOpacity(dim);
    delete byId("map").dataset.alone;
    if (!frame) return this.alone.setSource(null);
    this.pointOut(frame);
    byId("here").querySelector(".shown")?.scrollIntoView({ block: "nearest" });
    try {
      const { canvas, box } = await picture(frame.cog, ALONE_PX);
      if (this.state.frame !== id) return undefined;
      const blob = await new Promise((resolve) => canvas.toBlob(resolve));
      URL.revokeObjectURL(this.aloneUrl);
      this.aloneUrl = URL.createObjectURL(blob);
      this.alone.setSource(new ImageStatic({ url: this.aloneUrl, imageExtent: box, projection: "EPSG:3857" }));
      byId("map").dataset.alone = id;
    } catch (error) {
      for (const { group } of [this.left, this.right]) group.setOpacity(1);
      byId("notice").textContent = t("This photograph cannot be shown alone: {reason}", { reason: error.message ?? t("its file cannot be read") });
    }
    return undefined;
  }

  /** Find the place of a photograph that an address names without one. */
  async findFrame(id) {
    const [collection, ...name] = id.split("/");
    const service = this.byId.get(collection);
    try {
      const list = service ? await this.finder.list(service) : { frames: [] };
      const found = list.frames.find(([one]) => one === name.join("/"));
      if (found) this.goToFrame(service, found, false);
      else byId("notice").textContent = t("The photograph that this link names is not in the archive, or not on a map now.");
    } catch (error) {
      byId("notice").textContent = t("The photograph that this link names cannot be found: {reason}", { reason: error.message });
    }
  }

  /** Show a photograph of a collection's list, at its place. */
  goToFrame(service, [name, , , , lon, lat], step = true) {
    this.goTo([lon, lat], { year: firstStop(service), at: [lon, lat], frame: `${service.id}/${name}` }, step);
  }

  goTo(at, changes, step = true) {
    const view = this.map.getView();
    view.animate({ center: fromLonLat(at), zoom: Math.max(view.getZoom() ?? 0, 15), duration: calm() ? 0 : 300 });
    this.apply(changes, step);
    this.remember(step);
  }

  listMiddle() {
    this.set({ at: toLonLat(this.map.getView().getCenter()), frame: null });
  }

  zoom(step) {
    const view = this.map.getView();
    view.animate({ zoom: view.getZoom() + step, duration: calm() ? 0 : 200 });
  }

  fit(box, duration = calm() ? 0 : 400) {
    this.map.getView().fit(box, { padding: [50, 40, 110, 40], maxZoom: 17, duration });
  }

  fold(closed) {
    document.body.classList.toggle("folded", closed);
    byId("fold").setAttribute("aria-expanded", `${!closed}`);
  }

  recolor() {
    this.map.getLayers().setAt(0, baseLayer(this.config.base_map));
    this.map.getAllLayers().forEach((layer) => layer.changed());
  }
}

function outline(ring) {
  return new Feature({ geometry: new Polygon([ring]).transform("EPSG:4326", "EPSG:3857"), ring: true });
}

function outlineStyle(name, width) {
  return [new Style({ stroke: new Stroke({ color: color("outline-halo"), width: width + 2 }) }), new Style({ stroke: new Stroke({ color: color(name), width }) })];
}

function countyStyle() {
  return new Style({ stroke: new Stroke({ color: color("mark"), width: 2, lineDash: [8, 6] }) });
}

function markStyle(feature) {
  if (feature.get("ring")) return outlineStyle("mark", 2.5);
  return new Style({ image: new Circle({ radius: 7, fill: new Fill({ color: color("mark") }), stroke: new Stroke({ color: "#fff", width: 2.5 }) }) });
}

/** Tell whether a person asked for less motion. */
function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
