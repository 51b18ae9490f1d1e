import assert from "node:assert/strict";
import { test } from "node:test";
import { UNDATED, chooseDisplay, drawingOrder, fullest, isOf, nearest, places, readServices as readList, spaced, stops } from "../src/archive.js";

const COLUMNS = ["id", "name", "county", "agency", "year", "product", "frames", "years", "extent_3857"];
const ADDRESSES = { wms: "https://maps.example.org/?map={id}&", thumbnail: "https://x/{id}_256.webp", large: "https://x/{id}_1024.webp", tiles: "https://x/{id}/{z}" };
const entry = (id, years, box = [0, 0, 10, 10], product = "frames") => [
  id, id.toUpperCase(), "ElPaso", "USDA", `${years?.[0]}`, product, 5, years, box?.map((edge) => edge * 1000),
];
const readServices = (collections) => readList({ addresses: ADDRESSES, columns: COLUMNS, collections });

test("entries without a place are left out", () => {
  const services = readServices([entry("a", [1951, 1951]), entry("b", null, null)]);
  assert.deepEqual(services.map(({ id }) => id), ["a"]);
  const { county, wms, large, tiles, box } = services[0];
  assert.deepEqual([county, wms, large, tiles], ["El Paso", "https://maps.example.org/?map=a&", "https://x/a_1024.webp", "https://x/a/{z}"]);
  assert.deepEqual(box.map((degrees) => degrees.toFixed(4)), ["0.0000", "0.0000", "0.0898", "0.0898"]);
});

test("a list that is none is an error", () => {
  assert.throws(() => readList({ error: "no" }), TypeError);
});

test("names of folders are read as people write them", () => {
  assert.deepEqual(["ElPaso", "Travis", "JimHogg", "DeWitt", "McLennan", "DeafSmith", ""].map(spaced), ["El Paso", "Travis", "Jim Hogg", "DeWitt", "McLennan", "Deaf Smith", ""]);
});

test("the slider stops at first and last years, and undated at the end", () => {
  const services = readServices([entry("a", [1951, 1953]), entry("b", [1952, 1952]), entry("c", null)]);
  assert.deepEqual(stops(services), [
    { stop: 1951, services: 1, frames: 5 }, { stop: 1952, services: 2, frames: 10 }, { stop: 1953, services: 1, frames: 5 },
    { stop: UNDATED, services: 1, frames: 5 },
  ]);
  assert.equal(fullest(stops(services)), 1952);
  assert.equal(isOf(services[0], 1952), true);
  assert.equal(isOf(services[2], 1952), false);
});

test("the slider does not stop at years between photographs", () => {
  const [service] = readList({ addresses: ADDRESSES, columns: [...COLUMNS, "every_year"], collections: [[...entry("a", [1937, 1951]), [1937, 1938, 1951]]] });
  assert.deepEqual(stops([service]).map(({ stop }) => stop), [1937, 1938, 1951]);
  assert.equal(isOf(service, 1944), false);
});

test("every service has a stop at which it is shown", () => {
  const services = readServices([entry("a", [1937, 1940]), entry("b", [1939, 1939]), entry("c", null)]);
  const available = stops(services);
  assert.ok(services.every((service) => available.some(({ stop }) => isOf(service, stop))));
});

test("the nearest year is found, the earlier of two", () => {
  const available = [{ stop: 1940 }, { stop: 1950 }, { stop: UNDATED }];
  assert.deepEqual([1944, 1945, 1946, 1999, UNDATED].map((year) => nearest(available, year)), [1940, 1940, 1950, 1950, 1940]);
  assert.equal(nearest([{ stop: UNDATED }], 1951), UNDATED);
  assert.equal(nearest([], 1951), null);
});

test("mosaics lie below frames, index sheets on top, small ones above large ones", () => {
  const services = readServices([
    entry("sheet", null, [0, 0, 1, 1], "index"), entry("small", null, [0, 0, 1, 1]),
    entry("large", null), entry("mosaic", null, [0, 0, 99, 80], "mosaic"),
  ]);
  assert.deepEqual(drawingOrder(services).map(({ id }) => id), ["mosaic", "large", "small", "sheet"]);
});

test("large services are drawn live, smaller ones as pictures, tiny ones as boxes, and only so many of each", () => {
  const services = readServices([entry("live", null), entry("picture", null, [0, 0, 1, 1]), entry("tiny", null, [0, 0, 0.1, 0.1]), entry("away", null, [50, 50, 60, 60])]);
  const ids = (limits) => Object.values(chooseDisplay(services, [0, 0, 20000, 20000], 10, limits)).map((part) => part.map(({ id }) => id));
  assert.deepEqual(ids(), [["live"], ["picture"], ["tiny"]]);
  assert.deepEqual(ids({ mostLive: 0, mostPictures: 1 }).flat().length, 3);
});

test("the work for a view does not grow with the archive", () => {
  const many = readServices(Array.from({ length: 3000 }, (_, i) => entry(`s${i}`, [1951, 1951], [i % 60, Math.floor(i / 60), (i % 60) + 1, Math.floor(i / 60) + 1])));
  for (const resolution of [500, 50, 5, 0.5]) {
    const { live, pictures } = chooseDisplay(many, [0, 0, 60000, 60000], resolution);
    assert.ok(live.length <= 12 && pictures.length <= 120);
  }
});

test("a county's name stands in the middle of its collections", () => {
  const services = readServices([entry("a", null, [0, 0, 10, 10]), entry("b", null, [10, 0, 20, 10])]);
  const [{ name, at }] = places(services);
  assert.deepEqual([name, at.map((degrees) => degrees.toFixed(3))], ["El Paso", ["0.090", "0.045"]]);
});
