/** The whole view as the query of an address, so that a link shows somebody else the same. No map, no network. */

import { UNDATED } from "./archive.js";

export const BASE_MAP = "map";
/** What a year can be compared with besides another year. */

export const ALL_SCANS = "all";
/** Stands for the list of the collections that have scans without a position. */

/**
 * @typedef {object} State
 * @property {?[number, number]} center longitude and latitude
 * @property {?number} zoom
 * @property {?(number|string)} year a stop of the slider
 * @property {?(number|string)} compare a stop, or the base map; null: nothing is compared
 * @property {number} swipe share of the map left of the divider, 0 to 1
 * @property {?[number, number]} at the place whose photographs are listed
 * @property {?string} frame the photograph that is shown alone, `<collection>/<bands>/<name>`
 * @property {?string} scans the collection whose scans without a position are listed, or all such collections
 * @property {string} query what is searched for
 * @property {boolean} outlines whether outlines of photographs are drawn
 * @property {boolean} sheets whether index sheets are drawn
 */

export const EMPTY = Object.freeze({
  center: null, zoom: null, year: null, compare: null, swipe: 0.5, at: null, frame: null, scans: null, query: "", outlines: false, sheets: false,
});

/** Read an address's query; what cannot be read is left out, since people shorten links. @returns {State} */
export function readState(search) {
  const given = new URLSearchParams(search);
  const zoom = Number.parseFloat(given.get("z"));
  const swipe = Number.parseFloat(given.get("swipe"));
  return {
    center: readPlace(given.get("c")),
    zoom: zoom >= 0 && zoom <= 24 ? zoom : null,
    year: readStop(given.get("year")),
    compare: given.get("with") === BASE_MAP ? BASE_MAP : readStop(given.get("with")),
    swipe: swipe >= 0 && swipe <= 1 ? swipe : EMPTY.swipe,
    at: readPlace(given.get("at")),
    frame: given.get("frame")?.slice(0, 400) || null,
    scans: given.get("scans")?.slice(0, 200) || null,
    query: (given.get("q") ?? "").slice(0, 200),
    outlines: given.get("outlines") === "1",
    sheets: given.get("sheets") === "1",
  };
}

/** Return the query of a state, without what is as usual. */
export function writeState(state) {
  const parts = [
    ["c", state.center && place(state.center)],
    ["z", state.zoom !== null && `${Math.round(state.zoom * 100) / 100}`],
    ["year", state.year !== null && `${state.year}`],
    ["with", state.compare !== null && `${state.compare}`],
    ["swipe", state.compare !== null && state.swipe !== EMPTY.swipe && state.swipe.toFixed(2)],
    ["at", state.at && place(state.at)],
    ["frame", state.frame],
    ["scans", state.scans],
    ["q", state.query],
    ["outlines", state.outlines && "1"],
    ["sheets", state.sheets && "1"],
  ];
  const kept = parts.filter(([, value]) => value);
  // the comma of a place stays readable; everything else is escaped
  return kept.length ? `?${kept.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",").replaceAll("%2F", "/")}`).join("&")}` : "";
}

/** Read "lon,lat" in degrees; null when it is none. */
export function readPlace(text) {
  const parts = (text ?? "").split(/[,;\s]+/).filter(Boolean).map(Number);
  const [lon, lat] = parts;
  return parts.length === 2 && Math.abs(lon) <= 180 && Math.abs(lat) <= 85.06 ? [lon, lat] : null;
}

function readStop(text) {
  if (text === UNDATED) return UNDATED;
  return /^\d{4}$/.test(text ?? "") ? Number(text) : null;
}

function place([lon, lat]) {
  return `${round(lon)},${round(lat)}`;
}

function round(degrees) {
  return Math.round(degrees * 1e5) / 1e5; // a meter
}
