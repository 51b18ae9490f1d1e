/** Start: read configuration and list of services, then show what the address says. */

import "ol/ol.css";
import "./style.css";
import { readServices } from "./archive.js";
import { byId, link, make, webAddress } from "./dom.js";
import { readJson } from "./ranges.js";
import { Viewer } from "./viewer.js";

const DEFAULTS = { root: "../", base_map: null, places: null, title: null, attribution: null, license: null, privacy: null };

async function start() {
  const config = { ...DEFAULTS, ...(await readConfiguration()) };
  if (config.title) document.title = byId("title").textContent = config.title;
  about(config);
  const root = webAddress(config.root);
  try {
    const services = readServices(await readJson("collections.json"));
    const viewer = new Viewer(config, root, services);
    const typed = byId("query").value; // by somebody who was quicker than the list
    viewer.restore();
    if (typed) viewer.finder.search(typed);
    if (config.places) showPlaces(viewer, config.places);
  } catch (error) {
    broken(error);
  }
}

/** Without the file of its places the map names counties. */
async function showPlaces(viewer, address) {
  try {
    viewer.showPlaces(await readJson(address));
  } catch (error) {
    console.warn("The places of this site cannot be shown.", error);
  }
}

/** A site without a configuration shows the archive beside this page. */
async function readConfiguration() {
  try {
    return await readJson("config.json");
  } catch (error) {
    console.warn("The archive beside this page is shown without a configuration.", error);
    return {};
  }
}

function about({ attribution, license, privacy, root }) {
  byId("about").replaceChildren(...[
    link("All collections", new URL("catalog/index.html", webAddress(root)).href),
    license && (link(license.name, license.url) ?? make("span", {}, license.name)),
    link("Privacy", privacy ?? ""),
    attribution && make("span", {}, attribution),
  ].filter(Boolean));
}

function broken(error) {
  console.error(error);
  byId("start").replaceChildren(make("div", { class: "fault", role: "alert" },
    make("h2", {}, "The archive’s list of collections cannot be read"), make("p", {}, error.message),
    make("button", { type: "button", click: () => location.reload() }, "Try again")));
}

start();
