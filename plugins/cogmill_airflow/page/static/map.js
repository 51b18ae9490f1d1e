// The map beside a list: extents of all collections, or outlines of one collection's photographs over the photographs themselves.
"use strict";

(() => {
  const NOT_TOO_MANY = 200; // photographs in view up to which the map host is asked to draw them
  const MOST_NAMES = 12; // collections listed where the map was clicked
  const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005]; // degrees between two lines of the grid

  const holder = document.querySelector("[data-map]");
  if (!holder) return;
  if (!window.L) {
    holder.classList.add("absent");
    holder.textContent = "No map: the API server's host has no Leaflet (Debian package libjs-leaflet, or COGMILL_LEAFLET_DIR).";
    return;
  }

  const mercator = L.Projection.SphericalMercator;
  const toMap = ([x, y]) => mercator.unproject(L.point(x, y));
  const boxToMap = ([west, south, east, north]) => L.latLngBounds(toMap([west, south]), toMap([east, north]));
  const map = L.map(holder, { minZoom: 1, maxZoom: 20, worldCopyJump: false, zoomSnap: 0.5, zoomControl: false }).setView([31, -99], 5);
  // Degrees stand at the top and at the left.
  map.addControl(L.control.zoom({ position: "bottomright" }));
  map.attributionControl.setPrefix(false);
  const grid = L.layerGroup().addTo(map);
  const shapes = L.layerGroup().addTo(map);
  const note = L.control({ position: "bottomleft" });
  note.onAdd = () => L.DomUtil.create("div", "note");
  note.addTo(map);
  let asked = new AbortController();

  function say(text) {
    note.getContainer().textContent = text;
  }

  function drawGrid() {
    grid.clearLayers();
    const view = map.getBounds();
    const step = STEPS.findLast((degrees) => (view.getEast() - view.getWest()) / degrees < 9) ?? STEPS[0];
    const line = (points, text, at) => {
      L.polyline(points, { className: "grid", interactive: false }).addTo(grid);
      const icon = L.divIcon({ className: "degrees", html: "", iconSize: null });
      const label = L.marker(at, { icon, interactive: false, keyboard: false }).addTo(grid);
      label.getElement().textContent = text;
    };
    const digits = Math.max(0, Math.ceil(-Math.log10(step)));
    const name = (degrees, positive, negative) => `${Math.abs(degrees).toFixed(digits)}°${degrees < 0 ? negative : positive}`;
    for (let x = Math.ceil(view.getWest() / step) * step; x < view.getEast(); x += step) {
      line([[view.getSouth(), x], [view.getNorth(), x]], name(x, "E", "W"), [view.getNorth(), x]);
    }
    for (let y = Math.ceil(view.getSouth() / step) * step; y < view.getNorth(); y += step) {
      line([[y, view.getWest()], [y, view.getEast()]], name(y, "N", "S"), [y, view.getWest()]);
    }
  }

  async function ask(window_) {
    asked.abort();
    asked = new AbortController();
    const address = new URL(holder.dataset.source, location.href);
    if (holder.dataset.q) address.searchParams.set("q", holder.dataset.q);
    if (window_) {
      const world = 20037508;
      const corners = [mercator.project(window_.getSouthWest()), mercator.project(window_.getNorthEast())];
      const edges = { west: corners[0].x, south: corners[0].y, east: corners[1].x, north: corners[1].y };
      for (const [edge, metres] of Object.entries(edges)) {
        address.searchParams.set(edge, Math.max(-world, Math.min(world, metres)).toFixed(1));
      }
    }
    const answer = await fetch(address, { signal: asked.signal }).catch(() => null);
    return answer?.ok ? answer.json() : null;
  }

  function link(text, address) {
    const made = document.createElement("a");
    made.textContent = text;
    made.href = address;
    return made;
  }

  const pageOf = (id) => `${document.body.dataset.root}/dags/collection__${encodeURIComponent(id)}`;

  async function showCollections() {
    let places = [];
    const drawn = new Map();

    async function load(window_) {
      const found = await ask(window_);
      if (!found) return null;
      places = found.collections;
      shapes.clearLayers();
      drawn.clear();
      for (const [id, west, south, east, north, faults] of places) {
        const className = faults ? "place has-faults" : "place";
        const shape = L.rectangle(boxToMap([west, south, east, north]), { className, interactive: false });
        drawn.set(id, shape.addTo(shapes));
      }
      const names = `${places.length.toLocaleString("en")} collections`;
      say(found.capped ? `${names} shown; zoom in for the others` : names);
      return found;
    }

    map.on("click", ({ latlng }) => {
      const { x, y } = mercator.project(latlng);
      const here = places.filter(([, west, south, east, north]) => x >= west && x <= east && y >= south && y <= north);
      if (!here.length) return;
      const list = document.createElement("ul");
      for (const [id] of here.slice(0, MOST_NAMES)) {
        list.appendChild(document.createElement("li")).append(link(id, pageOf(id)));
      }
      if (here.length > MOST_NAMES) {
        list.appendChild(document.createElement("li")).append(`and ${here.length - MOST_NAMES} more: zoom in`);
      }
      L.popup().setLatLng(latlng).setContent(list).openOn(map);
    });

    for (const row of document.querySelectorAll("tr[data-id]")) {
      const mark = (on) => () => {
        const shape = drawn.get(row.dataset.id);
        shape?.getElement()?.classList.toggle("marked", on);
        if (on) shape?.bringToFront();
      };
      row.addEventListener("mouseenter", mark(true));
      row.addEventListener("mouseleave", mark(false));
    }

    const first = await load(null);
    if (first?.collections.length) {
      map.fitBounds(places.map(([, ...box]) => boxToMap(box)).reduce((all, one) => all.extend(one)), { animate: false });
    }
    if (first?.capped) map.on("moveend", () => load(map.getBounds()));
  }

  async function showFrames() {
    const { extent, wms, layer } = holder.dataset;
    if (!extent) return say("no photograph on the map yet");
    const photographs = wms
      ? L.tileLayer.wms(wms, { layers: layer, format: "image/png", transparent: true, version: "1.3.0", tileSize: 512 })
      : null;

    async function load() {
      const found = await ask(map.getBounds());
      if (!found) return;
      shapes.clearLayers();
      for (const frame of found.frames) {
        const rings = frame.outline.coordinates.map((ring) => ring.map(toMap));
        const shape = L.polygon(rings, { className: "place" }).addTo(shapes);
        const name = document.createElement("span");
        name.textContent = frame.stem;
        shape.bindTooltip(name, { sticky: true });
        shape.on("click", () => location.assign(`${location.pathname}?${new URLSearchParams({ q: frame.stem })}`));
      }
      const few = !found.capped && found.frames.length <= NOT_TOO_MANY;
      if (photographs) few ? photographs.addTo(map) : photographs.remove();
      const names = `${found.frames.length.toLocaleString("en")} outlines`;
      say(found.capped ? `${names} shown; zoom in for the others` : few || !photographs ? names : `${names}; zoom in for the photographs`);
    }

    map.fitBounds(boxToMap(extent.split(",").map(Number)), { animate: false });
    map.on("moveend", load);
    await load();
  }

  map.on("moveend", drawGrid);
  drawGrid();
  holder.dataset.map === "collections" ? showCollections() : showFrames();
})();
