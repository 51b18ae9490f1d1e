/** Read files by HTTP ranges, and say in words why one cannot be read. */

import { t } from "./words.js";

export class ReadError extends Error {
  /** @param {"missing"|"refused"|"away"|"whole"|"broken"} kind */
  constructor(kind, url, message) {
    super(message);
    this.name = "ReadError";
    this.kind = kind;
    this.url = url;
  }
}

export const PREFETCH = 32 * 1024;
/** Bytes of the first request: the whole index and all frames of a small collection. */

const MOST_WHOLE = 4 * 1024 * 1024;
/** Bytes of a file that is taken as a whole from a server without ranges. */

/** One file, as `flatgeobuf` reads it: keeps its first bytes, and takes no answer for another. */
export class RangeFile {
  constructor(url, { signal, fetcher = globalThis.fetch.bind(globalThis) } = {}) {
    this.url = url;
    this.signal = signal;
    this.fetcher = fetcher;
    this.head = null;
    this.whole = null;
  }

  /** Return so many bytes from a position, fewer at the end of the file. @returns {Promise<ArrayBuffer>} */
  async getRange(begin, length) {
    if (this.whole) return this.whole.slice(begin, begin + length);
    if (begin === 0 && !this.head) this.head = await this.ask(0, Math.max(length, PREFETCH));
    if (this.whole) return this.whole.slice(begin, begin + length);
    if (this.head && (begin + length <= this.head.byteLength || this.head.byteLength < PREFETCH)) {
      return this.head.slice(begin, begin + length);
    }
    return this.ask(begin, length).then((buffer) => (this.whole ? this.whole.slice(begin, begin + length) : buffer));
  }

  async ask(begin, length) {
    const response = await request(this.url, this.fetcher, {
      headers: { Range: `bytes=${begin}-${begin + length - 1}` }, signal: this.signal,
    });
    if (response.status === 200) {
      const size = Number(response.headers.get("content-length") ?? Infinity);
      if (size > MOST_WHOLE) {
        response.body?.cancel();
        throw new ReadError("whole", this.url, t("The server does not hand out parts of files (HTTP range requests), so this list cannot be searched."));
      }
      this.whole = await response.arrayBuffer();
      return this.whole;
    }
    return response.arrayBuffer();
  }
}

/** Return the answer to a request, or tell in words why there is none. */
async function request(url, fetcher = globalThis.fetch.bind(globalThis), options = {}) {
  let response;
  try {
    response = await fetcher(url, options);
  } catch (error) {
    if (error?.name === "AbortError") throw error;
    throw new ReadError("away", url, t("No answer from {host}. It may be away for a moment, or a network may block it.", { host: hostOf(url) }));
  }
  if (response.status === 404 || response.status === 410) throw new ReadError("missing", url, t("This file is not published (yet)."));
  if (response.status === 403 || response.status === 401) throw new ReadError("refused", url, t("{host} does not hand this file out, or does not have it.", { host: hostOf(url) }));
  if (!response.ok) throw new ReadError("broken", url, t("{host} answered with an error ({status}). Try again in a minute.", { host: hostOf(url), status: response.status }));
  return response;
}

/** Return a parsed JSON file. */
export async function readJson(url, fetcher) {
  const response = await request(url, fetcher);
  try {
    return await response.json();
  } catch {
    throw new ReadError("broken", url, t("This file is not what it should be; the archive's staff can write it again."));
  }
}

export function hostOf(url) {
  try {
    return new URL(url, globalThis.location?.href).host;
  } catch {
    return url;
  }
}
