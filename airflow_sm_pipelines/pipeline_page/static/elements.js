/** Parts of the page, and how it words numbers and times. */

import { signOf, toneOf } from "./drawing.js";

export const $ = (id) => document.getElementById(id);

/** Returns an HTML element. Texts among the children become text nodes: markup in them is shown, never read. */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Shows a message at the top; an empty one hides it. */
export function say(text) {
  if (text && $("run-facts").textContent === "Reading …") $("run-facts").textContent = "";
  $("message").textContent = text;
  $("message").hidden = !text;
}

export const badge = (state) => html("span", { class: `state ${toneOf(state)}`, "data-sign": signOf(state) }, state);

/** A link that opens in a new tab. In Airflow's frame, which may not open one, a link of Airflow's own page does it. */
export function link(url, text) {
  const anchor = html("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
  anchor.addEventListener("click", (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const outside = window.parent.document.createElement("a");
    Object.assign(outside, { href: url, target: "_blank", rel: "noopener noreferrer" });
    outside.click();
  });
  return anchor;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  const padded = (number) => String(number).padStart(2, "0");
  if (seconds < 10 && whole !== seconds) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${padded(Math.floor((whole % 3600) / 60))} min`;
}

export const number = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6))));
export const moment = (text) => (text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "");
export const brief = (text) => (text ? new Date(text).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }) : "");
export const shown = (value) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
