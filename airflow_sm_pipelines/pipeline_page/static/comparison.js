/** The tab that compares two runs. */

import { ask, dag } from "./airflow.js";
import { shorten } from "./drawing.js";
import { $, duration, html, shown } from "./elements.js";
import { measuresOf } from "./metrics.js";

/** Compares the two runs that are chosen. */
export async function compareRuns() {
  const ids = [$("compare-first").value, $("compare-second").value];
  const place = $("comparison");
  if (!ids[0] || ids[0] === ids[1]) {
    place.replaceChildren(html("p", { class: "muted" }, "Choose two runs."));
    return;
  }
  place.replaceChildren(html("p", { class: "muted", role: "status" }, "Reading both runs …"));
  try {
    const report = await ask("comparison", { dag, run: ids[0], other: ids[1] });
    const [first, second] = [await measuresOf(report.runs[0]), await measuresOf(report.runs[1])];
    if (ids[0] === $("compare-first").value && ids[1] === $("compare-second").value) drawComparison(report, first, second);
  } catch (error) {
    place.replaceChildren(html("p", { role: "alert" }, error.message));
  }
}

function drawComparison(report, first, second) {
  const all = $("compare-all").checked;
  const heads = report.runs.map((run) => shorten(run.id, 48));
  const table = (title, labels, lines, none) => {
    const cells = ([name, values, given]) => {
      const differs = shown(values[0]) !== shown(values[1]);
      if (!differs && !all) return null;
      const value = (one, place) => html("td", {}, shown(one), given?.[place] === false ? html("span", { class: "default" }, " (default)") : "");
      const names = [name].flat();
      return html("tr", { class: differs ? "differs" : "" }, ...names.map((one) => html("td", {}, one)), ...values.map(value));
    };
    const body = lines.map(cells).filter(Boolean);
    const heading = html("h2", {}, title);
    if (!body.length) return [heading, html("p", { class: "muted" }, none)];
    const head = html("tr", {}, ...[...labels, ...heads].map((label) => html("th", { scope: "col" }, label)));
    return [heading, html("div", { class: "wide" }, html("table", {}, html("thead", {}, head), html("tbody", {}, ...body)))];
  };
  const metrics = [...new Set([...Object.keys(first.metrics), ...Object.keys(second.metrics)])];
  const facts = [
    ["State", report.runs.map((run) => run.state)],
    ["Duration", report.runs.map((run) => duration(run.seconds))],
    ["Billable training time", [duration(first.billable), duration(second.billable)]],
  ];
  const cut = report.cut.length ? `Airflow keeps no long requests: those of ${report.cut.join(", ")} could not be compared.` : "";
  const more = report.more ? `${report.more} more differences are not shown.` : "";
  $("comparison").replaceChildren(
    ...table("Runs", ["What"], facts, "State and times are the same."),
    ...table("Parameters", ["Parameter"], report.parameters.map((one) => [one.name, one.values, one.given]), "All parameters are the same."),
    ...table("Metrics", ["Metric"], metrics.map((name) => [name, [first.metrics[name], second.metrics[name]]]), "There are no differences."),
    ...table("Requests", ["Step", "Where"], report.requests.map((one) => [[one.step, one.place], one.values]), `The requests of ${report.compared} steps are the same, apart from the names of jobs.`),
    ...[cut, more].filter(Boolean).map((text) => html("p", { class: "muted" }, text)),
  );
}
