/** Make elements. Text is always text: names come from files of strangers. */

import { t } from "./words.js";

export const byId = (id) => document.getElementById(id);

/** Make an element with attributes and children; functions become listeners, `true` an empty attribute, null and false none. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace what an element holds; the focus stays on what has the same `data-key`, else it goes to the panel. */
export function replaceKeepingFocus(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children);
  if (!focused) return;
  const same = [...element.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused.dataset.key);
  (same ?? byId("panel-body")).focus({ preventScroll: true });
}

/** Return an address if a browser may follow it: what is no web address, a script for example, is none. */
export function webAddress(text) {
  if (!text) return null;
  try {
    const url = new URL(text, location.href);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Make a link out of the archive's files; null when the address is none. */
export function link(text, address, attributes = {}) {
  const href = webAddress(address);
  return href && make("a", { href, ...attributes }, text);
}

/** Return a number with its noun: `1 photograph`, `1,204 photographs`. */
export function counted(number, noun) {
  return `${number.toLocaleString(t("en-US"))} ${t(number === 1 ? noun : `${noun}s`)}`;
}
