import assert from "node:assert/strict";
import { test } from "node:test";
import { frameTitle } from "../src/cards.js";

test("a photograph is called by roll and frame, an index sheet by its number, a mosaic by its file's name", () => {
  const title = (product, roll, number) => frameTitle({ product }, roll, number, "nc/Bildplan 1");
  assert.deepEqual(
    [title("frames", "4", "173"), title("frames", "N/A", "17"), title("index", "N/A", "2"), title("mosaic", "MULTIPLE", "_1"), title("frames", "N/A", "N/A")],
    ["Roll 4, frame 173", "Frame 17", "Index sheet 2", "Bildplan 1", "Bildplan 1"],
  );
});
