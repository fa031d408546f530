/** The pipeline page: what its endpoint tells of a DAG and its runs, shown and kept up to date. */

import { ask, dag, query } from "./airflow.js";
import { compareRuns } from "./comparison.js";
import { shorten, signOf } from "./drawing.js";
import { $, badge, duration, html, moment, say } from "./elements.js";
import { showMetrics } from "./metrics.js";
import { drawSteps, showTasks, showUnstarted } from "./steps.js";

let runs = [];
let runId = query.get("run") ?? "";
let timer = 0;

async function start() {
  followTheme();
  // In Airflow's frame the name stands above it already.
  $("title").classList.toggle("unseen", window.parent !== window);
  if (!dag) return say("The address names no DAG. Open this page from a DAG in Airflow.");
  document.title = `${dag} – Pipeline`;
  try {
    const [report, last] = await Promise.all([ask("graph", { dag }), ask("runs", { dag })]);
    $("title").textContent = report.title;
    document.title = `${report.title} – Pipeline`;
    if (report.broken) return say(report.broken);
    if (!report.of_a_pipeline) return say("This DAG was not made from a SageMaker pipeline definition.");
    $("content").hidden = false;
    drawSteps(report);
    runs = last.runs;
    fillRuns();
    if (runId) await showRun();
    else {
      $("run-facts").textContent = "This DAG has no runs yet.";
      showUnstarted(report);
    }
  } catch (error) {
    $("content").hidden = true;
    say(error.message);
  }
}

function fillRuns() {
  if (!runId && runs.length) runId = runs[0].id;
  const names = runs.map((run) => run.id);
  if (runId && !names.includes(runId)) names.push(runId);
  const option = (id) => {
    const run = runs.find((one) => one.id === id);
    return html("option", { value: id }, run ? `${signOf(run.state)} ${moment(run.after)} · ${run.state} · ${shorten(id, 40)}` : id);
  };
  const [first, second] = [$("compare-first").value, $("compare-second").value];
  for (const id of ["run", "compare-first", "compare-second"]) $(id).replaceChildren(...names.map(option));
  $("run").value = runId;
  $("compare-first").value = first || runId;
  $("compare-second").value = second || (names.find((name) => name !== runId) ?? runId);
}

async function showRun() {
  clearTimeout(timer);
  const asked = runId;
  const began = performance.now();
  let goesOn = true;
  try {
    const report = await ask("run", { dag, run: asked });
    if (asked !== runId) return;
    say("");
    goesOn = !report.run.ended;
    drawRun(report.run);
    const place = runs.findIndex((run) => run.id === asked);
    if (place >= 0 && runs[place].state !== report.run.state) {
      runs[place] = report.run;
      fillRuns();
    }
    showTasks(asked, report.tasks);
  } catch (error) {
    say(error.message);
    goesOn = !(error.status >= 400 && error.status < 500);
    if (!goesOn) $("content").hidden = true;
  }
  // A large run takes Airflow a while: it is asked again only after a multiple of that.
  if (goesOn) timer = setTimeout(showWhenSeen, Math.max(5000, 5 * (performance.now() - began)));
}

function showWhenSeen() {
  if (document.visibilityState === "visible") showRun();
  else document.addEventListener("visibilitychange", showWhenSeen, { once: true });
}

function drawRun(run) {
  $("run-state").replaceChildren(badge(run.state));
  const facts = [run.start && `started ${moment(run.start)}`, run.seconds !== null && `took ${duration(run.seconds)}`, run.note];
  $("run-facts").textContent = facts.filter(Boolean).join(" · ");
}

// -- tabs, theme, events -----------------------------------------------------------------------------------------------

const OPENED = { "tab-steps": () => {}, "tab-metrics": () => showMetrics(runs), "tab-compare": compareRuns };

function openTab(tab) {
  for (const one of $("tabs").children) {
    const isOpen = one === tab;
    one.setAttribute("aria-selected", String(isOpen));
    one.tabIndex = isOpen ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = !isOpen;
  }
  OPENED[tab.id]();
}

$("tabs").addEventListener("click", (event) => event.target.getAttribute("role") === "tab" && openTab(event.target));
$("tabs").addEventListener("keydown", (event) => {
  const tabs = [...$("tabs").children];
  const here = tabs.indexOf(document.activeElement);
  const target = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  const tab = tabs[(target + tabs.length) % tabs.length];
  tab.focus();
  openTab(tab);
});

/** Airflow's UI keeps the theme that a person has chosen under this name; "system" leaves it to the browser. */
function followTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // A browser may refuse its storage: then its own preference holds.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

window.addEventListener("storage", followTheme);
$("run").addEventListener("change", () => {
  runId = $("run").value;
  $("compare-first").value = runId;
  showRun();
});
$("compare-first").addEventListener("change", compareRuns);
$("compare-second").addEventListener("change", compareRuns);
$("compare-all").addEventListener("change", compareRuns);

start();
