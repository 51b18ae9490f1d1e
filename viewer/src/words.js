/** The page's words in the language of its site. The code has them in English; a translation is fetched where one is wanted. */

const TRANSLATIONS = { de: () => import("./words.de.js") };
/** By language; they are read by those only who need them. */

let words = {};

/** Use the words of a language, such as `de` or `de-AT`; English where there is no translation. */
export async function speak(language) {
  const load = TRANSLATIONS[`${language ?? ""}`.split("-")[0].toLowerCase()];
  words = load ? (await load()).default : {};
}

/** Return a text with parts put into its braces. */
export function t(text, parts = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => (name in parts ? `${parts[name]}` : whole));
}

/** Return the units of a map's scale in OpenLayers' words: feet and miles in the English of the United States, meters in all other languages. */
export function scaleUnits(language) {
  return ["en", "en-us"].includes(`${language || "en"}`.toLowerCase()) ? "us" : "metric";
}

/** Translate what stands in the page before any script runs. */
export function translatePage(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (words[node.data.trim()]) node.data = node.data.replace(node.data.trim(), t(node.data.trim()));
  }
  for (const name of ["title", "aria-label", "placeholder"]) {
    for (const element of root.querySelectorAll(`[${name}]`)) element.setAttribute(name, t(element.getAttribute(name)));
  }
}
