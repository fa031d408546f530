/** The tab with the metrics of the last runs. */

import { ask, dag } from "./airflow.js";
import { plot } from "./drawing.js";
import { $, brief, duration, html, number } from "./elements.js";

const MOST_PLOTTED = 12; // runs
const measures = new Map();

/** Returns the numbers of a run; those of an ended run are asked for once. */
export async function measuresOf(run) {
  const known = measures.get(run.id);
  if (known) return known;
  const found = await ask("measures", { dag, run: run.id });
  if (run.ended) measures.set(run.id, found);
  return found;
}

/** Plots what the runs have measured. */
export async function showMetrics(runs) {
  const plotted = runs.filter((run) => run.ended).slice(0, MOST_PLOTTED).reverse();
  if (!plotted.length) {
    $("metrics-note").textContent = "No run has ended yet.";
    return;
  }
  const series = new Map();
  const add = (name, run, value, text) => {
    if (!series.has(name)) series.set(name, []);
    series.get(name).push({ label: brief(run.after), value, text, failed: run.state !== "Succeeded" });
  };
  try {
    for (const [place, run] of plotted.entries()) {
      $("metrics-note").textContent = `Reading run ${place + 1} of ${plotted.length} …`;
      if (run.seconds !== null) add("Duration of the run", run, run.seconds, duration(run.seconds));
      const { metrics, billable } = await measuresOf(run);
      if (billable !== null) add("Billable training time", run, billable, duration(billable));
      for (const [name, value] of Object.entries(metrics)) {
        if (typeof value === "number") add(name, run, value, number(value));
      }
    }
  } catch (error) {
    $("metrics-note").textContent = error.message;
    return;
  }
  $("metrics-note").textContent = `${plotted.length === 1 ? "The last ended run" : `The last ${plotted.length} ended runs, the newest on the right`}. A square is a run that failed. Metrics are those of Training, Tuning and AutoML jobs, and the numbers that conditions compared.`;
  const figures = [...series].map(([name, points]) =>
    html("figure", {}, html("figcaption", {}, name, html("span", { class: "muted" }, `last ${points.at(-1).text}`)), plot(points)),
  );
  $("plots").replaceChildren(...figures);
}
