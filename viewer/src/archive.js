/**
 * The services of the archive, as `viewer/collections.json` lists them, and what of them is where and when. No map, no network.
 *
 * Boxes are [west, south, east, north]: degrees where nothing else is said.
 */

export const UNDATED = "undated";
/** The stop of collections whose photographs tell no year. */

const RADIUS = 6378137;
/** Of the sphere of EPSG:3857, meters. */

const PRODUCTS = { mosaic: 0, frames: 1, index: 2 };
/** Order of drawing, the lowest first. */

/**
 * @typedef {object} Service
 * @property {string} id
 * @property {string} title
 * @property {string} county
 * @property {string} agency
 * @property {string} year four digits or a mission code
 * @property {string} product
 * @property {string} layer name of the raster layer
 * @property {number} frames
 * @property {?[number, number]} years first and last
 * @property {number[]} everyYear years of which it has photographs; empty when only the range is known
 * @property {number} maxZoom last zoom of its tiles
 * @property {number[]} box degrees
 * @property {number[]} box3857 meters
 * @property {string} wms address up to its parameters
 * @property {?string} tiles address with {z}, {x} and {y}
 * @property {?string} thumbnail address of its small picture
 * @property {?string} large address of its large picture
 * @property {string} updated when its newest upload was stored
 */

/** Return the services of a parsed list; entries that lack a place are left out. @returns {Service[]} */
export function readServices(list) {
  const { addresses, columns, collections } = list ?? {};
  if (!Array.isArray(collections) || !Array.isArray(columns) || !addresses) throw new TypeError("the list of collections holds none");
  const entries = collections.map((values) => Object.fromEntries(columns.map((name, index) => [name, values[index]])));
  return entries.filter((entry) => isBox(entry.extent_3857)).map((entry) => readService(entry, addresses));
}

function readService(entry, addresses) {
  const address = (name) => addresses[name]?.replaceAll("{id}", encodeURIComponent(entry.id)) ?? null;
  return {
    id: entry.id,
    title: entry.title || entry.name,
    county: spaced(entry.county ?? ""),
    agency: entry.agency ?? "",
    year: entry.year ?? "",
    product: entry.product,
    layer: entry.name,
    frames: entry.frames ?? 0,
    years: Array.isArray(entry.years) ? entry.years : null,
    everyYear: entry.every_year ?? [],
    maxZoom: entry.max_zoom ?? 24,
    updated: entry.updated ?? "",
    box: inDegrees(entry.extent_3857),
    box3857: entry.extent_3857,
    wms: address("wms"),
    tiles: address("tiles"),
    thumbnail: address("thumbnail"),
    large: address("large"),
  };
}

/** Return a folder's name as people write it: `ElPaso` is El Paso, but McLennan and DeWitt are one word. */
export function spaced(name) {
  return name.replace(/(?<!\b(?:Mc|De))(?<=\p{Ll})(?=\p{Lu})/gu, " ");
}

/** Return a box of EPSG:3857 meters in degrees. */
export function inDegrees([west, south, east, north]) {
  const lon = (x) => (x / RADIUS) * (180 / Math.PI);
  const lat = (y) => (2 * Math.atan(Math.exp(y / RADIUS)) - Math.PI / 2) * (180 / Math.PI);
  return [lon(west), lat(south), lon(east), lat(north)];
}

function isBox(box) {
  return Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
}

/** Tell whether two boxes touch; both in the same units. */
export function touches(one, other) {
  return one[0] <= other[2] && other[0] <= one[2] && one[1] <= other[3] && other[1] <= one[3];
}

/** Tell whether a box holds a point. */
export function holds(box, [x, y]) {
  return box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3];
}

/** Return the box around boxes, or null when there is none. */
export function union(boxes) {
  if (!boxes.length) return null;
  return boxes.reduce(
    (all, box) => [Math.min(all[0], box[0]), Math.min(all[1], box[1]), Math.max(all[2], box[2]), Math.max(all[3], box[3])],
    [Infinity, Infinity, -Infinity, -Infinity],
  );
}

/** Tell whether a service belongs to a stop of the slider. */
export function isOf(service, stop) {
  if (stop === UNDATED) return service.years === null;
  if (service.everyYear.length) return service.everyYear.includes(stop);
  return service.years !== null && service.years[0] <= stop && stop <= service.years[1];
}

/** Return the first stop of the slider at which a service is shown. */
export function firstStop(service) {
  return service.years?.[0] ?? UNDATED;
}

/**
 * Return where the slider can stop: every year of which a service has photographs, its first and last where only a range is known;
 * `undated` at the end.
 * @returns {{stop: number|string, frames: number, services: number}[]} ordered by year
 */
export function stops(services) {
  const found = new Set(services.flatMap((service) => (service.everyYear.length ? service.everyYear : (service.years ?? [UNDATED]))));
  const ordered = [...found].sort((one, other) => (one === UNDATED) - (other === UNDATED) || one - other);
  return ordered.map((stop) => {
    const here = services.filter((service) => isOf(service, stop));
    return { stop, services: here.length, frames: here.reduce((sum, service) => sum + service.frames, 0) };
  });
}

/** Return the stop nearest to a year, or null where there is none; of two as near the earlier. */
export function nearest(available, year) {
  const years = available.map((one) => one.stop).filter((stop) => stop !== UNDATED);
  if (!years.length) return available.length ? UNDATED : null;
  const wanted = Number(year);
  if (!Number.isFinite(wanted)) return years[0];
  return years.reduce((best, stop) => (Math.abs(stop - wanted) < Math.abs(best - wanted) ? stop : best));
}

/** Return the stop with the most frames, with which a visit begins. */
export function fullest(available) {
  return available.reduce((best, one) => (best && best.frames >= one.frames ? best : one), null)?.stop ?? null;
}

/** Return services in their order of drawing: mosaics below frames below index sheets, large ones below small ones. */
export function drawingOrder(services) {
  const area = ({ box3857: [west, south, east, north] }) => (east - west) * (north - south);
  return [...services].sort(
    (one, other) =>
      (PRODUCTS[one.product] ?? 1) - (PRODUCTS[other.product] ?? 1) || area(other) - area(one) || (one.id < other.id ? -1 : 1),
  );
}

/**
 * Choose how each service in view is shown, so that neither map hosts nor browsers are asked for more than a screen can hold.
 *
 * @param {Service[]} services those of the stop
 * @param {number[]} view EPSG:3857 box
 * @param {number} resolution meters per pixel of the screen
 * @param {{liveFrom?: number, boxBelow?: number, mostLive?: number, mostPictures?: number}} limits
 * @returns {{live: Service[], pictures: Service[], boxes: Service[]}} in their order of drawing
 */
export function chooseDisplay(services, view, resolution, limits = {}) {
  const { liveFrom = 600, boxBelow = 14, mostLive = 12, mostPictures = 120 } = limits;
  const center = [(view[0] + view[2]) / 2, (view[1] + view[3]) / 2];
  const chosen = { live: [], pictures: [], boxes: [] };
  const near = services
    .filter((service) => touches(service.box3857, view))
    .map((service) => ({ service, far: distance(service.box3857, center) }))
    .sort((one, other) => one.far - other.far);
  for (const { service } of near) {
    const [west, south, east, north] = service.box3857;
    const pixels = Math.max(east - west, north - south) / resolution;
    if (pixels >= liveFrom && chosen.live.length < mostLive) chosen.live.push(service);
    else if (pixels >= boxBelow && service.thumbnail && chosen.pictures.length < mostPictures) chosen.pictures.push(service);
    else chosen.boxes.push(service);
  }
  return { live: drawingOrder(chosen.live), pictures: drawingOrder(chosen.pictures), boxes: drawingOrder(chosen.boxes) };
}

function distance([west, south, east, north], [x, y]) {
  return Math.hypot(Math.max(west - x, 0, x - east), Math.max(south - y, 0, y - north));
}

/** Return the counties of services with a place for their name, degrees: the middle of all their boxes. */
export function places(services) {
  const boxes = new Map();
  for (const { county, box } of services) {
    if (county) boxes.set(county, union([box, ...(boxes.has(county) ? [boxes.get(county)] : [])]));
  }
  return [...boxes].map(([name, [west, south, east, north]]) => ({ name, at: [(west + east) / 2, (south + north) / 2] }));
}
