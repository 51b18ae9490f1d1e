/** What lies below the photographs: tiles of the site's choice or a graticule, boxes of collections, names of places. */

import Feature from "ol/Feature.js";
import GeoJSON from "ol/format/GeoJSON.js";
import { fromExtent } from "ol/geom/Polygon.js";
import Point from "ol/geom/Point.js";
import Graticule from "ol/layer/Graticule.js";
import TileLayer from "ol/layer/Tile.js";
import VectorLayer from "ol/layer/Vector.js";
import { fromLonLat } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import XYZ from "ol/source/XYZ.js";
import { Fill, Stroke, Style, Text } from "ol/style.js";

const LARGEST_BOX_PX = 260;
/** Boxes that are larger on the screen say nothing and are not drawn. */

/** Return the color that a name has in the style sheet now. */
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Return the layer at the very bottom. @param {?{url: string, attribution?: string, max_zoom?: number}} given */
export function baseLayer(given) {
  if (given?.url) {
    return new TileLayer({ source: new XYZ({ url: given.url, maxZoom: given.max_zoom ?? 19 }), className: "base" });
  }
  return new Graticule({
    showLabels: true, wrapX: false, strokeStyle: new Stroke({ color: color("graticule"), width: 1 }), targetSize: 140,
    latLabelPosition: 0, lonLabelStyle: graticuleText("bottom"), latLabelStyle: graticuleText("bottom", "start"),
  });
}

function graticuleText(textBaseline, textAlign = "center") {
  return new Text({ font: "11px system-ui, sans-serif", textBaseline, textAlign, fill: new Fill({ color: color("muted") }) });
}

/** Return the layer of boxes: every collection faintly, those of the year that are too small or too many for pictures filled. */
export function boxesLayer(services) {
  const boxes = services.map((service) => ({ service, feature: new Feature({ geometry: fromExtent(service.box3857), strong: false }) }));
  const source = new VectorSource({ features: boxes.map(({ feature }) => feature), wrapX: false });
  return {
    layer: new VectorLayer({ source, style: boxStyle, declutter: false }),
    /** Fill the boxes of some services; features that stay as they are tell the map of no change. */
    fill(filled) {
      const strong = new Set(filled);
      for (const { service, feature } of boxes) feature.set("strong", strong.has(service));
    },
  };
}

function boxStyle(feature, resolution) {
  const [west, south, east, north] = feature.getGeometry().getExtent();
  if (Math.max(east - west, north - south) / resolution > LARGEST_BOX_PX && !feature.get("strong")) return undefined;
  const strong = feature.get("strong");
  return new Style({
    stroke: new Stroke({ color: color(strong ? "accent" : "box"), width: 1 }),
    fill: strong ? new Fill({ color: color("box-fill") }) : undefined,
    zIndex: strong ? 1 : 0,
  });
}

/** Return the layer of the names of counties. @param {{name: string, at: number[]}[]} places degrees */
export function namesLayer(places) {
  const features = places.map(({ name, at }) => new Feature({ geometry: new Point(fromLonLat(at)), name }));
  return new VectorLayer({
    source: new VectorSource({ features, wrapX: false }),
    declutter: true,
    maxResolution: 2500,
    minResolution: 20,
    style: (feature) => new Style({ text: nameText(feature) }),
  });
}

/** Return the layer of a site's own places, with their outlines. @param {object} geojson degrees */
export function placesLayer(geojson) {
  const features = new GeoJSON().readFeatures(geojson, { featureProjection: "EPSG:3857" });
  return new VectorLayer({
    source: new VectorSource({ features, wrapX: false }),
    declutter: true,
    style: (feature) => new Style({ stroke: new Stroke({ color: color("place"), width: 1 }), text: nameText(feature) }),
  });
}

function nameText(feature) {
  return new Text({
    text: feature.get("name"), font: "600 12px system-ui, sans-serif", overflow: true,
    fill: new Fill({ color: color("label") }), stroke: new Stroke({ color: color("label-halo"), width: 3 }),
  });
}
