/** Start: read configuration and list of services, then show what the address says. */

import "ol/ol.css";
import "./style.css";
import { readServices } from "./archive.js";
import { byId, link, make, webAddress } from "./dom.js";
import { readJson } from "./ranges.js";
import { Viewer } from "./viewer.js";
import { speak, t, translatePage } from "./words.js";

const DEFAULTS = { root: "../", base_map: null, places: null, title: null, attribution: null, license: null, privacy: null, language: "en" };

async function start() {
  const config = { ...DEFAULTS, ...(await readConfiguration()) };
  await useLanguage(config.language);
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

/** The page stays in English where it has no words of the language. */
async function useLanguage(language) {
  try {
    await speak(language);
  } catch (error) {
    console.warn("The words of this site's language cannot be read.", error);
    return;
  }
  if (t("en-US") === "en-US") return;
  document.documentElement.lang = language;
  document.title = t(document.title);
  translatePage(document.body);
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
    link(t("All collections"), new URL("catalog/index.html", webAddress(root)).href),
    license && (link(license.name, license.url) ?? make("span", {}, license.name)),
    link(t("Privacy"), privacy ?? ""),
    attribution && make("span", {}, attribution),
  ].filter(Boolean));
}

function broken(error) {
  console.error(error);
  byId("start").replaceChildren(make("div", { class: "fault", role: "alert" },
    make("h2", {}, t("The archive’s list of collections cannot be read")), make("p", {}, error.message),
    make("button", { type: "button", click: () => location.reload() }, t("Try again"))));
}

start();
