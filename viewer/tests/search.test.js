import assert from "node:assert/strict";
import { test } from "node:test";
import { timeOf } from "../src/dates.js";
import { findFrames, findScans, findServices, readCoordinates, words } from "../src/search.js";

const service = (id, county, agency, year, more) => ({ id, county, agency, year: `${year}`, product: "frames", years: [year, year], title: `${county} ${agency} ${year}`, ...more });
const ALL = [
  service("a", "Travis", "USDA", 1951), service("b", "Travis", "TxDOT", 1985), service("c", "El Paso", "USDA", 1951), service("d", "Señora", "AMS", 1950),
];
const ids = (query) => findServices(ALL, query).services.map(({ id }) => id);

test("words narrow collections down", () => {
  assert.deepEqual([ids("travis"), ids("TRAVIS 1951"), ids("usda"), ids("el paso"), ids("elpaso"), ids("senora"), ids("nowhere")], [["a", "b"], ["a"], ["a", "c"], ["c"], ["c"], ["d"], []]);
});

test("words that no collection knows are left for frames", () => {
  assert.deepEqual(findServices(ALL, "travis 1951 4-173").rest, ["4-173"]);
  assert.deepEqual(findServices(ALL, "03/22/1951").rest, ["03/22/1951"]);
});

test("a place is a place, whichever comes first", () => {
  assert.deepEqual(readCoordinates("-97.74, 30.27"), [-97.74, 30.27]);
  assert.deepEqual(readCoordinates("30.27, -97.74"), [-97.74, 30.27]);
  assert.deepEqual(readCoordinates("47.5 8.5"), [47.5, 8.5]);
  assert.equal(readCoordinates("4-173"), null);
});

const LIST = { frames: [
  ["bw/03-22-51_4-173", "4", "173", "1951-03-22", -97, 30], ["bw/03-22-51_4-0174", "4", "0174", "1951-03-22", -97, 30], ["bw/11-02-50_17", "N/A", "17", "1950-11-02", -98, 30],
] };
const names = (...rest) => findFrames(LIST, rest).map(([name]) => name.slice(3));

test("frames are found by roll and frame, number, day, and part of the name", () => {
  assert.deepEqual(names("4-173"), ["03-22-51_4-173"]);
  assert.deepEqual(names("4-174"), ["03-22-51_4-0174"]);
  assert.deepEqual(names("17"), ["11-02-50_17"]);
  assert.deepEqual(names("3/22/1951", "173"), ["03-22-51_4-173"]);
  assert.deepEqual(names("1950-11"), ["11-02-50_17"]);
  assert.deepEqual(names("11-02-50"), ["11-02-50_17"]);
  assert.deepEqual(names("nothing"), []);
});

const SCANS = {
  scans: [
    { name: "03-22-51_4-173", bands: "bw", roll: "4", frame: "173", date: "03-22-51", from: "1951-03-22", to: "1951-03-22" },
    { name: "box 7", bands: "nc", roll: null, frame: null, date: null, from: null, to: null },
  ],
};

for (const [query, names] of [["4-173", ["03-22-51_4-173"]], ["3/22/1951", ["03-22-51_4-173"]], ["box", ["box 7"]], ["5-173", []]]) {
  test(`scans without a position are found as frames are: ${query}`, () => {
    assert.deepEqual(findScans(SCANS, words(query)).map(({ name }) => name), names);
  });
}

test("a time is told as exactly as it is known", () => {
  const told = [["1951-03-22", "1951-03-22"], ["1951-01-01", "1951-12-31"], ["1951-01-01", "1952-12-31"], [null, null]];
  assert.deepEqual(told.map(([from, to]) => timeOf({ from, to })), ["1951-03-22", "1951", "1951-01-01/1952-12-31", null]);
});
