/** The photographs of collections, from their `frames.fgb`, by range and spatial index. */

import { fromFeature } from "flatgeobuf/lib/mjs/geojson/feature.js";
import { HttpReader } from "flatgeobuf/lib/mjs/http-reader.js";
import { RangeFile } from "./ranges.js";

export const AT_ONCE = 6;
/** Collections that are read at the same time; browsers open no more connections to one host. */

/**
 * @typedef {object} Frame
 * @property {string} id `<collection>/<bands>/<name>`
 * @property {Service} service
 * @property {string} name stem of the file
 * @property {string} bands
 * @property {string} roll
 * @property {string} number
 * @property {string} date as the file's name has it
 * @property {?string} acquired `1951-03-22`, `1951-03-22/1951-03-25`, `1951`, or null
 * @property {string} cog address
 * @property {?string} scan address
 * @property {?string} link stable address
 * @property {number[][]} ring outline, degrees
 */

/**
 * Yield the photographs of one collection within a box.
 * @param {Service} service
 * @param {string} url of its `frames.fgb`
 * @param {number[]} box degrees
 */
export async function* framesWithin(service, url, [minX, minY, maxX, maxY], options) {
  const file = new RangeFile(url, options);
  const reader = await HttpReader.openSource(file);
  for await (const { id, feature } of reader.selectBbox({ minX, minY, maxX, maxY })) {
    yield readFrame(service, fromFeature(id, feature, reader.header));
  }
}

/** Yield the photographs of one collection that show a place. */
export async function* framesAt(service, url, [lon, lat], options) {
  for await (const frame of framesWithin(service, url, [lon, lat, lon, lat], options)) {
    if (isInside(frame.ring, [lon, lat])) yield frame;
  }
}

function readFrame(service, { geometry, properties }) {
  const known = (value) => (value && value !== "N/A" ? value : null);
  return {
    id: `${service.id}/${properties.bands}/${properties.name}`,
    service,
    name: properties.name,
    bands: properties.bands,
    roll: known(properties.roll),
    number: known(properties.frame_num),
    date: properties.date,
    acquired: properties.acquired || null,
    cog: properties.dl_georef,
    scan: properties.dl_orig || null,
    link: properties.link || null,
    ring: geometry.coordinates[0],
  };
}

/** Tell whether a ring of [x, y] holds a point. */
export function isInside(ring, [x, y]) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [xi, yi] = ring[i];
    const [xj, yj] = ring[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** Run a function over items, a few at a time; a failure of one is handed to it and stops no other. */
export async function eachFewAtOnce(items, work, atOnce = AT_ONCE) {
  const waiting = [...items];
  const worker = async () => {
    while (waiting.length) await work(waiting.shift());
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/** Order by time, those that tell none last; then by collection, roll and number. */
export function byTime(one, other) {
  const when = ({ acquired, service }) => acquired ?? (service.years ? `${service.years[0]}` : "9999");
  return (
    compare(when(one), when(other)) || compare(one.service.id, other.service.id) ||
    compare(one.roll ?? "", other.roll ?? "") || compare(one.number ?? "", other.number ?? "") || compare(one.id, other.id)
  );
}

function compare(one, other) {
  return one.localeCompare(other, "en", { numeric: true });
}
