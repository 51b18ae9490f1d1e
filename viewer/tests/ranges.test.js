import assert from "node:assert/strict";
import { test } from "node:test";
import { PREFETCH, RangeFile, ReadError, readJson } from "../src/ranges.js";

const CONTENT = Uint8Array.from({ length: 3 * PREFETCH }, (_, i) => i % 251);

/** A server with or without ranges, as far as `fetch` can tell. */
function server(content, { ranges = true, status } = {}) {
  const asked = [];
  const fetcher = async (url, { headers } = {}) => {
    asked.push(headers?.Range);
    if (status) return new Response("", { status });
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(headers?.Range ?? "bytes=0-999999999");
    const part = ranges ? content.slice(Number(first), Number(last) + 1) : content;
    return new Response(part, { status: ranges ? 206 : 200, headers: { "content-length": `${part.length}` } });
  };
  return { asked, fetcher };
}

const bytes = async (file, begin, length) => [...new Uint8Array(await file.getRange(begin, length))];
const expected = (begin, length) => [...CONTENT.slice(begin, begin + length)];

test("a small file is read with one request", async () => {
  const { asked, fetcher } = server(CONTENT.slice(0, 900));
  const file = new RangeFile("https://x/a", { fetcher });
  assert.deepEqual(await bytes(file, 0, 8), expected(0, 8));
  assert.deepEqual(await bytes(file, 400, 100), expected(400, 100));
  assert.deepEqual(await bytes(file, 890, 100), expected(890, 10));
  assert.equal(asked.length, 1);
});

test("of a large file only what is wanted is read", async () => {
  const { asked, fetcher } = server(CONTENT);
  const file = new RangeFile("https://x/a", { fetcher });
  await bytes(file, 0, 8);
  assert.deepEqual(await bytes(file, 2 * PREFETCH, 50), expected(2 * PREFETCH, 50));
  assert.deepEqual(asked, [`bytes=0-${PREFETCH - 1}`, `bytes=${2 * PREFETCH}-${2 * PREFETCH + 49}`]);
});

test("a server without ranges is not mistaken for one with", async () => {
  const file = new RangeFile("https://x/a", { fetcher: server(CONTENT, { ranges: false }).fetcher });
  await bytes(file, 0, 8);
  assert.deepEqual(await bytes(file, 2 * PREFETCH, 50), expected(2 * PREFETCH, 50));
});

test("a large file of such a server is refused in words", async () => {
  const fetcher = async () => new Response("x", { status: 200, headers: { "content-length": "999999999" } });
  await assert.rejects(new RangeFile("https://x/a", { fetcher }).getRange(0, 8), (error) => error instanceof ReadError && error.kind === "whole");
});

for (const [status, kind] of [[404, "missing"], [403, "refused"], [500, "broken"]]) {
  test(`an answer ${status} is told in words`, async () => {
    await assert.rejects(readJson("https://x/a", server(CONTENT, { status }).fetcher), { name: "ReadError", kind });
  });
}

test("a host that is away is named", async () => {
  const fetcher = async () => { throw new TypeError("Failed to fetch"); };
  await assert.rejects(readJson("https://maps.example.org/a", fetcher), /maps\.example\.org/);
});

test("a file that is no JSON is an error", async () => {
  await assert.rejects(readJson("https://x/a", async () => new Response("<html>")), { kind: "broken" });
});
