import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { readableDate } from "../src/dates.js";
import { counted } from "../src/dom.js";
import german from "../src/words.de.js";
import { scaleUnits, speak, t } from "../src/words.js";

const SRC = new URL("../src/", import.meta.url);
const read = (file) => readFileSync(new URL(file, SRC), "utf-8");
const sources = readdirSync(SRC).filter((name) => name.endsWith(".js") && name !== "words.de.js").map(read);
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

/** Every text that the page says: in its modules, in its HTML, nouns that are counted, months. */
function used() {
  const html = read("../index.html").replace(/<(title|noscript)>.*?<\/\1>/gs, "");
  const nouns = sources.flatMap((source) => all(source, /counted\([^"]*?"(\w+)"\)/g));
  return new Set([
    ...sources.flatMap((source) => all(source, /\bt\("((?:[^"\\]|\\.)+)"/g)),
    ...all(html, / (?:title|aria-label|placeholder)="([^"]+)"/g),
    ...all(html.replace(/<svg.*?<\/svg>/gs, ""), />\s*([^<>]*[A-Za-z][^<>]*?)\s*</g),
    ...nouns.flatMap((noun) => [noun, `${noun}s`]),
    ...all(/const MONTHS = \[(.*)\]/.exec(read("dates.js"))[1], /"(\w+)"/g),
  ]);
}

test("every text of the page is translated, and nothing else", () => {
  const known = new Set(Object.keys(german));
  assert.deepEqual([...used()].filter((text) => !known.has(text)), []);
  assert.deepEqual([...known].filter((text) => !used().has(text)), []);
});

test("a translation has the same parts", () => {
  const parts = (text) => all(text, /\{(\w+)\}/g).sort();
  for (const [text, said] of Object.entries(german)) assert.deepEqual(parts(said), parts(text), text);
});

test("numbers and days are written as the language writes them", async () => {
  await speak("de-AT");
  assert.deepEqual([counted(1204, "photograph"), readableDate("1951-03-22", null), t("Show {year}", { year: "<b>{x}" })], ["1.204 Luftbilder", "22. März 1951", "<b>{x} zeigen"]);
  await speak("fr");
  assert.deepEqual([counted(1, "photograph"), readableDate("1951-03-22", null)], ["1 photograph", "March 22, 1951"]);
});

test("a map is measured in feet where the site speaks the English of the United States", () => {
  assert.deepEqual([undefined, "", "en", "en-US", "EN-us", "en-GB", "de", "de-AT", "fr"].map(scaleUnits), ["us", "us", "us", "us", "us", "metric", "metric", "metric", "metric"]);
});

test("without scripts the page says in each of its languages where the list of collections is", () => {
  const said = /<noscript>(.*?)<\/noscript>/s.exec(read("../index.html"))[1];
  assert.deepEqual(all(said, /<p( lang="\w+")?>[^<]*JavaScript[^<]*<a href="\.\.\/catalog\/index\.html">/g), [undefined, ' lang="de"']);
});
