// The map beside a list: extents of all collections, or footprints of one collection's frames over its WMS layer.
"use strict";

(() => {
  const MAX_DRAWN = 200; // frames in view up to which the map host is asked to draw them
  const MAX_LABELS = 80; // names of places in view up to which they are written
  const MAX_LISTED = 12; // collections listed where the map was clicked
  const GRID_STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005]; // degrees between two lines of the grid

  const container = document.querySelector("[data-map]");
  if (!container) return;
  if (!window.L) {
    container.classList.add("absent");
    container.textContent = "No map: the API server's host has no Leaflet (Debian package libjs-leaflet, or COGMILL_LEAFLET_DIR).";
    return;
  }

  const mercator = L.Projection.SphericalMercator;
  const toMap = ([x, y]) => mercator.unproject(L.point(x, y));
  const extentToMap = ([west, south, east, north]) => L.latLngBounds(toMap([west, south]), toMap([east, north]));
  const map = L.map(container, { minZoom: 1, maxZoom: 20, worldCopyJump: false, zoomSnap: 0.5, zoomControl: false }).setView([31, -99], 5);
  // The labels of the grid are at the top and at the left.
  map.addControl(L.control.zoom({ position: "bottomright" }));
  map.attributionControl.setPrefix(false);
  map.createPane("places").style.zIndex = 350; // below the photographs' outlines
  const grid = L.layerGroup().addTo(map);
  const labels = L.layerGroup().addTo(map);
  const shapes = L.layerGroup().addTo(map);
  const note = L.control({ position: "bottomleft" });
  note.onAdd = () => L.DomUtil.create("div", "note");
  note.addTo(map);
  let pending = new AbortController();

  function setNote(text) {
    note.getContainer().textContent = text;
  }

  function drawGrid() {
    grid.clearLayers();
    const view = map.getBounds();
    const step = GRID_STEPS.findLast((degrees) => (view.getEast() - view.getWest()) / degrees < 9) ?? GRID_STEPS[0];
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

  // Places of the installation's own file, such as counties: lines below everything else, names where few are in view.
  async function showPlaces() {
    const response = document.body.dataset.places && (await fetch(document.body.dataset.places));
    if (!response?.ok) return;
    const named = [];
    const style = () => ({ className: "border", interactive: false, pane: "places" });
    const pointToLayer = (feature, at) => L.circleMarker(at, { ...style(), radius: 2 });
    const onEachFeature = ({ properties }, layer) => {
      const at = layer.getLatLng ? layer.getLatLng() : layer.getBounds().getCenter();
      if (properties?.name) named.push([String(properties.name), at]);
    };
    L.geoJSON(await response.json(), { style, pointToLayer, onEachFeature, pane: "places", interactive: false }).addTo(map);

    function write() {
      labels.clearLayers();
      const inView = named.filter(([, at]) => map.getBounds().contains(at));
      if (inView.length > MAX_LABELS) return;
      for (const [name, at] of inView) {
        const icon = L.divIcon({ className: "place-name", html: "", iconSize: null });
        const label = L.marker(at, { icon, interactive: false, keyboard: false }).addTo(labels);
        label.getElement().appendChild(document.createElement("span")).textContent = name;
      }
    }

    map.on("moveend", write);
    write();
  }

  async function fetchShapes(bounds) {
    pending.abort();
    pending = new AbortController();
    const address = new URL(container.dataset.source, location.href);
    for (const [name, value] of new URLSearchParams(container.dataset.filter)) address.searchParams.set(name, value);
    if (bounds) {
      const world = 20037508;
      const corners = [mercator.project(bounds.getSouthWest()), mercator.project(bounds.getNorthEast())];
      const edges = { west: corners[0].x, south: corners[0].y, east: corners[1].x, north: corners[1].y };
      for (const [edge, meters] of Object.entries(edges)) {
        address.searchParams.set(edge, Math.max(-world, Math.min(world, meters)).toFixed(1));
      }
    }
    const response = await fetch(address, { signal: pending.signal }).catch(() => null);
    return response?.ok ? response.json() : null;
  }

  function link(text, address) {
    const made = document.createElement("a");
    made.textContent = text;
    made.href = address;
    return made;
  }

  const pageOf = (id) => `${document.body.dataset.root}/dags/collection__${encodeURIComponent(id)}`;

  async function showCollections() {
    let extents = [];
    const drawn = new Map();

    async function load(bounds) {
      const found = await fetchShapes(bounds);
      if (!found) return null;
      extents = found.collections;
      shapes.clearLayers();
      drawn.clear();
      for (const [id, west, south, east, north, faults] of extents) {
        const className = faults ? "place has-faults" : "place";
        const shape = L.rectangle(extentToMap([west, south, east, north]), { className, interactive: false });
        drawn.set(id, shape.addTo(shapes));
      }
      const names = `${extents.length.toLocaleString("en")} collections`;
      setNote(found.capped ? `${names} shown; zoom in for the others` : names);
      return found;
    }

    map.on("click", ({ latlng }) => {
      const { x, y } = mercator.project(latlng);
      const here = extents.filter(([, west, south, east, north]) => x >= west && x <= east && y >= south && y <= north);
      if (!here.length) return;
      const list = document.createElement("ul");
      for (const [id] of here.slice(0, MAX_LISTED)) {
        list.appendChild(document.createElement("li")).append(link(id, pageOf(id)));
      }
      if (here.length > MAX_LISTED) {
        list.appendChild(document.createElement("li")).append(`and ${here.length - MAX_LISTED} more: zoom in`);
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
      map.fitBounds(extents.map(([, ...box]) => extentToMap(box)).reduce((all, one) => all.extend(one)), { animate: false });
    }
    if (first?.capped) map.on("moveend", () => load(map.getBounds()));
  }

  async function showFrames() {
    const { extent, wms, layer } = container.dataset;
    if (!extent) return setNote("no photograph on the map yet");
    const photographs = wms
      ? L.tileLayer.wms(wms, { layers: layer, format: "image/png", transparent: true, version: "1.3.0", tileSize: 512 })
      : null;

    async function load() {
      const found = await fetchShapes(map.getBounds());
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
      const few = !found.capped && found.frames.length <= MAX_DRAWN;
      if (photographs) few ? photographs.addTo(map) : photographs.remove();
      const names = `${found.frames.length.toLocaleString("en")} outlines`;
      setNote(found.capped ? `${names} shown; zoom in for the others` : few || !photographs ? names : `${names}; zoom in for the photographs`);
    }

    map.fitBounds(extentToMap(extent.split(",").map(Number)), { animate: false });
    map.on("moveend", load);
    await load();
  }

  map.on("moveend", drawGrid);
  drawGrid();
  showPlaces();
  container.dataset.map === "collections" ? showCollections() : showFrames();
})();
