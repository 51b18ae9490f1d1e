/** One photograph, and one collection, as an entry of a list. */

import { readableDate } from "./dates.js";
import { counted, link, make } from "./dom.js";
import { picture } from "./picture.js";
import { t } from "./words.js";

const THUMBNAIL_PX = 240;

/**
 * Make the card of a photograph.
 * @param {Frame} frame
 * @param {{alone: (frame: Frame) => void, point: (frame: ?Frame) => void, page: (service: Service) => string, address: (frame: Frame) => string}} acts
 */
export function frameCard(frame, acts) {
  const { service } = frame;
  const name = frameTitle(service, frame.roll, frame.number, frame.name);
  const holder = make("span", { class: "thumbnail", role: "img", "aria-label": t("Picture of {name}", { name }) });
  whenSeen(holder, () => fill(holder, frame));
  const alone = make("button", { type: "button", class: "alone", "aria-pressed": "false", click: () => acts.alone(frame) }, t("Show alone"));
  return make(
    "li", { class: "frame", "data-frame": frame.id, mouseenter: () => acts.point(frame), mouseleave: () => acts.point(null), focusin: () => acts.point(frame) },
    holder,
    make("div", { class: "facts" },
      make("h4", {}, name),
      make("p", {}, readableDate(frame.acquired, frame.date)),
      make("p", { class: "quiet" }, [service.county, service.agency, { nc: t("color"), cir: t("infrared") }[frame.bands]].filter(Boolean).join(" · ")),
      make("p", { class: "ways" },
        alone,
        link("COG", frame.cog, { title: t("{name}, georeferenced, as Cloud Optimized GeoTIFF", { name: frame.name }), download: true }),
        link(t("Scan"), frame.scan, { title: t("The scan as it was delivered, without a place"), download: true }),
        link(t("Link"), acts.address(frame), { title: t("A stable link to this photograph") }),
        link("WMS", `${service.wms}SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities`, { title: t("Map service of its collection") }),
        link(t("Collection"), acts.page(service), { title: t("Everything about {title}", { title: service.title }) }),
      ),
    ),
  );
}

/** Return what a photograph is called: by roll and frame, an index sheet by its number, anything else by its file's name. */
export function frameTitle(service, roll, number, name) {
  const known = (value) => value && value !== "N/A" && value !== "MULTIPLE";
  if (service.product === "mosaic") return name.split("/").at(-1);
  if (service.product === "index" && known(number)) return t("Index sheet {number}", { number });
  if (known(roll) && known(number)) return t("Roll {roll}, frame {number}", { roll, number });
  if (known(roll)) return t("Roll {roll}", { roll });
  return known(number) ? t("Frame {number}", { number }) : name.split("/").at(-1);
}

/** Tell the cards which photograph is shown alone. */
export function markAlone(list, id) {
  for (const card of list.querySelectorAll(".frame")) {
    const shown = card.dataset.frame === id;
    card.classList.toggle("shown", shown);
    const button = card.querySelector(".alone");
    button.setAttribute("aria-pressed", `${shown}`);
    button.textContent = shown ? t("Show all") : t("Show alone");
  }
}

/** Make the entry of a collection; a click shows it. */
export function serviceEntry(service, chosen) {
  const years = service.years ? [...new Set(service.years)].join("–") : t("undated");
  return make("li", {}, make("button", { type: "button", class: "service", "data-key": service.id, click: () => chosen(service) },
    make("strong", {}, service.county || service.title), " ",
    make("span", {}, `${service.agency} ${years}`),
    make("span", { class: "quiet" }, [{ index: t("index"), mosaic: t("mosaic") }[service.product], counted(service.frames, "photograph")].filter(Boolean).join(", "))));
}

async function fill(holder, frame) {
  try {
    const { canvas } = await picture(frame.cog, THUMBNAIL_PX);
    // a picture of a list may stand in it twice, a canvas only once
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    copy.getContext("2d").drawImage(canvas, 0, 0);
    holder.replaceChildren(copy);
  } catch (error) {
    console.warn(`${frame.cog} cannot be drawn.`, error);
    holder.classList.add("none");
    holder.textContent = t("no picture");
  }
}

let watcher;
const seen = new WeakMap();

/** Call once when an element scrolls into view. */
function whenSeen(element, act) {
  watcher ??= new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      seen.get(target)();
    }
  }, { rootMargin: "100px" });
  seen.set(element, act);
  watcher.observe(element);
}
