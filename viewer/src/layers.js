/** The layers of one side of the map: services as pictures, as live maps, or as boxes. */

import ImageLayer from "ol/layer/Image.js";
import LayerGroup from "ol/layer/Group.js";
import TileLayer from "ol/layer/Tile.js";
import ImageStatic from "ol/source/ImageStatic.js";
import TileState from "ol/TileState.js";
import TileWMS from "ol/source/TileWMS.js";
import XYZ from "ol/source/XYZ.js";
import { chooseDisplay } from "./archive.js";
import { webAddress } from "./dom.js";

const SMALL_PX = 300;
/** Pixels of the screen up to which the small picture does. */

export class Side {
  /** @param {(service: Service, worked: boolean) => void} heard is told how each request for a live map went */
  constructor(heard) {
    this.heard = heard;
    this.group = new LayerGroup();
    this.shown = new Map();
  }

  /** Show services; returns those that are only boxes. Layers that stay are not touched, so that nothing flickers. */
  show(services, view, resolution) {
    const { live, pictures, boxes } = chooseDisplay(services, view, resolution);
    const wanted = new Map();
    for (const service of pictures) {
      const url = pictureOf(service, resolution);
      wanted.set(`${service.id} ${url}`, () => pictureLayer(service, url));
    }
    for (const service of live) {
      // below the live map: it is there at once, and stays when the map host is away
      const url = service.thumbnail && pictureOf(service, resolution);
      if (url) wanted.set(`${service.id} ${url}`, () => pictureLayer(service, url));
      wanted.set(`${service.id} live`, () => this.liveLayer(service));
    }
    const next = new Map([...wanted].map(([key, make]) => [key, this.shown.get(key) ?? make()]));
    const collection = this.group.getLayers();
    for (const [key, layer] of this.shown) if (!next.has(key)) collection.remove(layer);
    [...next.values()].forEach((layer, order) => {
      layer.setZIndex(order);
      if (!collection.getArray().includes(layer)) collection.push(layer);
    });
    this.shown = next;
    return boxes;
  }

  liveLayer(service) {
    const source = service.tiles ? tileSource(service) : wmsSource(service);
    source.on("tileloadend", () => this.heard(service, true));
    source.on("tileloaderror", () => this.heard(service, false));
    return new TileLayer({ source, extent: service.box3857, preload: 0 });
  }
}

function pictureOf(service, resolution) {
  const [west, south, east, north] = service.box3857;
  const pixels = (Math.max(east - west, north - south) / resolution) * (globalThis.devicePixelRatio || 1);
  return pixels > SMALL_PX ? service.large : service.thumbnail;
}

function pictureLayer(service, url) {
  const source = new ImageStatic({ url: webAddress(url) ?? "", imageExtent: service.box3857, projection: "EPSG:3857" });
  return new ImageLayer({ source, extent: service.box3857 });
}

function tileSource(service) {
  return new XYZ({ url: service.tiles, maxZoom: service.maxZoom, transition: 150, tileLoadFunction: loadTile });
}

const NOTHING = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
/** A transparent picture. */

/** Load a tile; a map host answers 204 where there is no photograph, which is no fault. */
async function loadTile(tile, address) {
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status}`);
    const picture = tile.getImage();
    if (response.status === 204) {
      picture.src = NOTHING;
      return;
    }
    const url = URL.createObjectURL(await response.blob());
    picture.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    picture.src = url;
  } catch {
    tile.setState(TileState.ERROR);
  }
}

function wmsSource(service) {
  const params = { LAYERS: service.layer, STYLES: "", FORMAT: "image/png", TRANSPARENT: true };
  return new TileWMS({ url: service.wms, params, serverType: "mapserver", transition: 150 });
}
