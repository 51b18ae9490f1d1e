/** Small pictures of single photographs, read from the overviews of their COGs by range. */

const MASK = 4;
/** Bit of NewSubfileType that marks a mask. */

const AT_ONCE = 3;
const MOST_KEPT = 200;

const kept = new Map();
const waiting = [];
let running = 0;

/**
 * Return a photograph as a canvas, transparent where it shows nothing, with its box in EPSG:3857.
 * @param {string} url of the COG
 * @param {number} pixels about as large as its longer side shall be, at least
 * @returns {Promise<{canvas: HTMLCanvasElement, box: number[]}>}
 */
export function picture(url, pixels) {
  const key = `${pixels} ${url}`;
  if (!kept.has(key)) {
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value);
    const made = enqueue(() => draw(url, pixels));
    made.catch(() => kept.delete(key));
    kept.set(key, made);
  }
  return kept.get(key);
}

function enqueue(work) {
  return new Promise((resolve, reject) => {
    waiting.push({ work, resolve, reject });
    next();
  });
}

function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  const { work, resolve, reject } = waiting.shift();
  running += 1;
  work().then(resolve, reject).finally(() => {
    running -= 1;
    next();
  });
}

async function draw(url, pixels) {
  const { fromUrl } = await import("geotiff");
  const tiff = await fromUrl(url, { allowFullFile: false, blockSize: 32768, cacheSize: 32 });
  const images = await Promise.all(Array.from({ length: await tiff.getImageCount() }, (_, index) => tiff.getImage(index)));
  const isMask = (image) => (image.fileDirectory.getValue("NewSubfileType") ?? 0) & MASK;
  const chosen = smallest(images.filter((image) => !isMask(image)), pixels);
  const [width, height] = [chosen.getWidth(), chosen.getHeight()];
  const mask = images.find((image) => isMask(image) && image.getWidth() === width && image.getHeight() === height);
  const [colors, valid] = await Promise.all([readColors(chosen), mask ? mask.readRasters({ interleave: true }) : null]);
  return { canvas: paint(colors, valid, width, height), box: images[0].getBoundingBox() };
}

function smallest(images, pixels) {
  const longer = (image) => Math.max(image.getWidth(), image.getHeight());
  const fine = images.filter((image) => longer(image) >= pixels);
  return (fine.length ? fine : images).reduce((best, image) => {
    const better = fine.length ? longer(image) < longer(best) : longer(image) > longer(best);
    return better ? image : best;
  });
}

async function readColors(image) {
  if (image.getSamplesPerPixel() >= 3) return image.readRGB({ interleave: true });
  const gray = await image.readRasters({ samples: [0], interleave: true });
  const colors = new Uint8Array(gray.length * 3);
  for (let i = 0; i < gray.length; i += 1) colors.fill(gray[i], 3 * i, 3 * i + 3);
  return colors;
}

function paint(colors, valid, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const data = new ImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    data.data[4 * i] = colors[3 * i];
    data.data[4 * i + 1] = colors[3 * i + 1];
    data.data[4 * i + 2] = colors[3 * i + 2];
    data.data[4 * i + 3] = !valid || valid[i] ? 255 : 0;
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}
