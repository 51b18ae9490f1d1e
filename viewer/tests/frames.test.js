import assert from "node:assert/strict";
import { test } from "node:test";
import { readableDate, yearOf } from "../src/dates.js";
import { byTime, eachFewAtOnce, isInside } from "../src/frames.js";

const RING = [[0, 0], [10, 2], [9, 10], [-1, 9], [0, 0]];

test("a point is inside an outline, not just its box", () => {
  assert.equal(isInside(RING, [5, 5]), true);
  assert.equal(isInside(RING, [5, 0.2]), false);
  assert.equal(isInside(RING, [20, 5]), false);
});

test("photographs are ordered by time, then by number", () => {
  const frame = (acquired, number, years = [1951, 1951]) => ({ id: `${number}`, acquired, number, roll: "1", service: { id: "a", years } });
  const frames = [frame(null, "1", null), frame("1951-03-22", "10"), frame("1951-03-22", "9"), frame("1937", "1")];
  assert.deepEqual(frames.sort(byTime).map(({ acquired, number }) => [acquired, number]), [["1937", "1"], ["1951-03-22", "9"], ["1951-03-22", "10"], [null, "1"]]);
});

test("dates are read as people write them", () => {
  assert.deepEqual(["1951-03-22", "1951", "1951-03-22/1951-04-01", "1937/1938", "1951-03"].map((day) => readableDate(day)), ["March 22, 1951", "1951", "March 22, 1951 to April 1, 1951", "1937 to 1938", "March 1951"]);
  assert.deepEqual([readableDate(null, "N/A"), readableDate(null, "summer")], ["undated", "undated (summer)"]);
  assert.equal(yearOf({ acquired: null, service: { years: null } }), "undated");
});

test("a few at once, all in the end", async () => {
  let [running, most] = [0, 0];
  const done = [];
  await eachFewAtOnce([1, 2, 3, 4, 5, 6, 7], async (item) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    done.push(item);
  }, 3);
  assert.deepEqual([done.length, most], [7, 3]);
});
