/** Search by county, agency, year, roll, frame and date. No map, no network. */

import { readPlace } from "./state.js";

export const MOST_SERVICES = 40;
/** Collections that a search lists. */

export const MOST_SCANNED = 6;
/** Collections whose lists of frames a search reads. */

export const MOST_FRAMES = 100;
/** Frames that a search lists. */

/** Return a text without capitals and accents. */
export function plain(text) {
  return `${text}`.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Return the words of a query; parts of dates and of roll-frame pairs stay together. */
export function words(query) {
  return plain(query).split(/[\s,;_]+/).filter(Boolean);
}

/**
 * Find collections: each word that any collection knows narrows them down, all others are left for frames.
 * @returns {{services: Service[], rest: string[], place: ?[number, number]}} `place` when the query is a longitude and latitude
 */
export function findServices(services, query) {
  const place = readCoordinates(query);
  if (place) return { services: [], rest: [], place };
  let found = services.map((service) => ({ service, text: described(service) }));
  const rest = [];
  for (const word of words(query)) {
    const matching = isForFrames(word) ? [] : found.filter(({ text }) => text.some((part) => part.startsWith(word)));
    if (matching.length) found = matching;
    else rest.push(word);
  }
  if (rest.length === words(query).length) found = [];
  return { services: found.map(({ service }) => service), rest, place: null };
}

/** Read a place as people paste it: `-97.74, 30.27`, or latitude first where only that can be meant, as web maps give it. */
export function readCoordinates(query) {
  const given = /^\s*(-?\d{1,3}\.\d+)\s*[,;\s]\s*(-?\d{1,3}\.\d+)\s*$/.exec(query);
  if (!given) return null;
  const [first, second] = [Number(given[1]), Number(given[2])];
  const latitudeFirst = Math.abs(first) <= 85 && (Math.abs(second) > 90 || (first > 0 && second < 0));
  return readPlace(latitudeFirst ? `${second},${first}` : `${first},${second}`);
}

/** A roll with a frame, or a date, belongs to frames: `4-173`, `03-22-51`, `1951-03-22`, `3/22/1951`. */
function isForFrames(word) {
  return /[-/]/.test(word) && /\d/.test(word);
}

function described({ county, agency, year, product, years, title }) {
  const span = years ? [years[0], years[1]] : [];
  return [county, plain(county).replaceAll(" ", ""), agency, year, product, ...span, ...words(title)].map(plain).flatMap((part) => [part, ...part.split(" ")]);
}

/**
 * Find frames in the list of one collection.
 * @param {{frames: [string, string, string, string, number, number][]}} list name, roll, frame, date, longitude, latitude of each
 * @param {string[]} rest words that are no collection's; every one must match
 */
export function findFrames(list, rest) {
  const matches = rest.map(frameMatcher);
  return (list?.frames ?? []).filter((frame) => matches.every((match) => match(frame)));
}

/** Return the scans of a list that match every word of a search for frames. */
export function findScans({ scans }, rest) {
  const known = new Map(scans.map((scan) => [`${scan.bands}/${scan.name}`, scan]));
  const frames = [...known].map(([name, scan]) => [name, scan.roll ?? "", scan.frame ?? "", scan.from ?? ""]);
  return findFrames({ frames }, rest).map(([name]) => known.get(name));
}

/** Return a test for a word: `4-173` is roll and frame, `173` a frame or a roll, anything else stands in the name or begins the date. */
function frameMatcher(word) {
  const pair = /^(\w+)-(\w+)$/.exec(word);
  const day = isoDay(word);
  return ([name, roll, number, date]) => {
    if (pair && plain(roll) === pair[1] && isNumber(number, pair[2])) return true;
    if (isNumber(number, word) || plain(roll) === word) return true;
    if (day && date.startsWith(day)) return true;
    return word.length > 2 && (plain(name).includes(word) || date.startsWith(word));
  };
}

function isNumber(number, wanted) {
  return plain(number).replace(/^0+(?=.)/, "") === wanted.replace(/^0+(?=.)/, "");
}

/** Return `1951-03-22` for `3/22/1951` and `03-22-1951`. */
function isoDay(word) {
  const given = /^(\d{1,2})[-/](\d{1,2})[-/](\d{4})$/.exec(word);
  return given ? `${given[3]}-${given[1].padStart(2, "0")}-${given[2].padStart(2, "0")}` : null;
}
