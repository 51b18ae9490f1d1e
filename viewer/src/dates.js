/** Days and years as people read them. */

import { UNDATED } from "./archive.js";
import { t } from "./words.js";

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** Return `March 22, 1951` for `1951-03-22`, `1951` for a year, both ends of an interval; what tells nothing is said as such. */
export function readableDate(acquired, written) {
  if (!acquired) return written && written !== "N/A" ? t("undated ({written})", { written }) : t("undated");
  const [from, to] = acquired.split("/");
  return !to || to === from ? readableDay(from) : t("{from} to {to}", { from: readableDay(from), to: readableDay(to) });
}

function readableDay(text) {
  const [year, month, day] = text.split("-");
  if (!month) return year;
  const name = t(MONTHS[Number(month) - 1] ?? month);
  return day ? t("{month} {day}, {year}", { month: name, day: Number(day), year }) : `${name} ${year}`;
}

/** Return a time as `readableDate` takes it: a day, a year where any day of it may be meant, or both ends. */
export function timeOf({ from, to }) {
  if (!from || !to) return null;
  if (from === to) return from;
  const [year, isWholeYear] = [from.slice(0, 4), from.endsWith("-01-01") && to.endsWith("-12-31")];
  return isWholeYear && to.startsWith(year) ? year : `${from}/${to}`;
}

/** Return the year under which a photograph is listed. */
export function yearOf({ acquired, service }) {
  if (acquired) return acquired.slice(0, 4);
  return service.years && service.years[0] === service.years[1] ? `${service.years[0]}` : UNDATED;
}

/** Return a year, or that there is none, as a heading. */
export function label(stop) {
  return stop === UNDATED ? t("Undated") : `${stop}`;
}
