import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY, readPlace, readState, writeState } from "../src/state.js";

test("a view survives its address", () => {
  const state = {
    center: [-97.74789, 30.27153], zoom: 14.25, year: 1951, compare: 1964, swipe: 0.4, at: [-97.7466, 30.27502],
    frame: "travis_usda_1951_frames/bw/03-22-51_5-51 50% Süd+", scans: "travis_usda_1951_frames", query: "travis & 4-173", outlines: true, sheets: true,
  };
  assert.deepEqual(readState(writeState(state)), state);
});

test("the usual is not written", () => {
  assert.equal(writeState(EMPTY), "");
  assert.equal(writeState({ ...EMPTY, swipe: 0.3 }), "", "a divider without a comparison says nothing");
});

test("an address stays readable", () => {
  assert.equal(writeState({ ...EMPTY, at: [-97.7, 30.2], frame: "a/bw/b" }), "?at=-97.7,30.2&frame=a/bw/b");
});

for (const broken of ["?c=x,y&z=abc&year=19511&at=999,0&swipe=7", "?at=", "?at=1,2,3&year=<script>", "?%E0%A4%A", "?z=-3&with=nobody"]) {
  test(`what cannot be read is left out: ${broken}`, () => {
    assert.deepEqual(readState(broken), EMPTY);
  });
}

test("places are longitude and latitude on the map", () => {
  assert.deepEqual([readPlace("-97.7,30.2"), readPlace("200,3"), readPlace("0,89"), readPlace(null), readPlace("1,")], [[-97.7, 30.2], null, null, null, null]);
});
