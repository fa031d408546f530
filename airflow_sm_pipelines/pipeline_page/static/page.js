/** The pipeline page: what its endpoint tells of a DAG and its runs, shown and kept up to date. */

import { Graph, plot, shorten, signOf, STATES, toneOf } from "./drawing.js";

const AT_ONCE = 25; // tasks in one question for details
const MOST_PLOTTED = 12; // runs
const query = new URLSearchParams(location.search);
const dag = query.get("dag") ?? "";
const airflow = new URL("../../", location.href);
const $ = (id) => document.getElementById(id);

/** Returns an HTML element. Texts among the children become text nodes: markup in them is shown, never read. */
function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

async function ask(report, parameters) {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const answer = await fetch(`data/${report}?${new URLSearchParams(pairs)}`, { credentials: "same-origin" });
  const body = await answer.json().catch(() => ({ error: `Airflow answered ${answer.status}` }));
  if (answer.ok) return body;
  const reasons = { 401: "You are not logged in to Airflow.", 403: "You may not read this DAG." };
  throw Object.assign(new Error(reasons[answer.status] ?? body.error), { status: answer.status });
}

// -- words -------------------------------------------------------------------------------------------------------------

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  const padded = (number) => String(number).padStart(2, "0");
  if (seconds < 10 && whole !== seconds) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${padded(Math.floor((whole % 3600) / 60))} min`;
}

const number = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6))));
const moment = (text) => (text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "");
const brief = (text) => (text ? new Date(text).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }) : "");
const shown = (value) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
const badge = (state) => html("span", { class: `state ${toneOf(state)}`, "data-sign": signOf(state) }, state);

/** A link that opens in a new tab. In Airflow's frame, which may not open one, a link of Airflow's own page does it. */
function link(url, text) {
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

const pageOfRun = (run) => new URL(`dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`, airflow).href;
const pageOfTask = (run, row) => `${pageOfRun(run)}/tasks/${encodeURIComponent(row.task)}${row.index < 0 ? "" : `/mapped/${row.index}`}`;

// -- what is shown -----------------------------------------------------------------------------------------------------

let graph = null;
let runs = [];
let runId = query.get("run") ?? "";
let tasks = []; // of the run
let order = new Map(); // task -> its place in the graph
let sorting = { column: "", down: false };
const rows = new Map(); // key -> what the table shows of a task
let timer = 0;

const keyOf = (task) => `${task.task}@${task.index}`;

function say(text) {
  if (text && $("run-facts").textContent === "Reading …") $("run-facts").textContent = "";
  $("message").textContent = text;
  $("message").hidden = !text;
}

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
    if (!report.of_a_pipeline) return say("This DAG was not made from a SageMaker pipeline definition.");
    $("content").hidden = false;
    graph = new Graph($("graph"), report, choose);
    order = new Map(report.nodes.toSorted((one, other) => one.y - other.y || one.x - other.x).map((node, place) => [node.task, place]));
    runs = last.runs;
    fillRuns();
    drawHead();
    if (runId) await showRun();
    else {
      $("run-facts").textContent = "This DAG has no runs yet.";
      tasks = report.nodes.map((node) => ({ ...node, index: -1, state: "Not started", tries: 0, seconds: null }));
      drawTasks();
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
    tasks = report.tasks;
    goesOn = !report.run.ended;
    drawRun(report.run);
    const place = runs.findIndex((run) => run.id === asked);
    if (place >= 0 && runs[place].state !== report.run.state) {
      runs[place] = report.run;
      fillRuns();
    }
    drawTasks();
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

// -- the table ---------------------------------------------------------------------------------------------------------

const COLUMNS = [
  ["State", (row) => Object.keys(STATES).indexOf(row.state)],
  ["Step", (row) => row.step],
  ["Type", (row) => row.type],
  ["Outcome", null],
  ["Job", null],
  ["Attempts", (row) => row.tries, "number"],
  ["Total", (row) => row.seconds, "number"],
  ["Provisioning", (row) => row.details?.provisioning, "number"],
  ["Running", (row) => row.details?.running, "number"],
  ["Billable", (row) => row.details?.billable, "number"],
  ["Instances", null],
];

function drawHead() {
  const cells = COLUMNS.map(([label, value, kind]) => {
    const cell = html("th", { scope: "col", class: kind });
    if (!value) {
      cell.append(label);
      return cell;
    }
    const button = html("button", {}, label);
    button.addEventListener("click", () => {
      sorting = { column: label, down: sorting.column === label && !sorting.down };
      arrange();
    });
    cell.append(button);
    return cell;
  });
  $("steps").querySelector("thead tr").replaceChildren(...cells);
}

function drawTasks() {
  for (const task of tasks) {
    const key = keyOf(task);
    const row = rows.get(key) ?? newRow(key);
    const changed = row.state !== task.state || row.tries !== task.tries;
    Object.assign(row, task);
    if (changed) {
      row.details = null;
      row.asked = false;
    }
    drawRow(row);
    // What is in view is told of, and so is every decision, for the graph.
    seen.unobserve(row.element);
    seen.observe(row.element);
    if (row.type === "Condition" && row.state === "Succeeded") want(row);
  }
  const present = new Set(tasks.map(keyOf));
  for (const [key, row] of rows) {
    if (present.has(key)) continue;
    row.element.remove();
    row.more?.remove();
    rows.delete(key);
  }
  drawNodes();
  drawCounts();
  arrange();
}

function newRow(key) {
  const row = { key, element: html("tr", { "data-key": key }), open: false, asked: false, details: null };
  row.cells = COLUMNS.map(([, , kind]) => html("td", { class: kind }));
  row.button = html("button", { class: "step", "aria-expanded": "false" });
  row.button.addEventListener("click", () => toggle(row));
  row.element.append(...row.cells);
  row.cells[1].append(row.button);
  rows.set(key, row);
  return row;
}

const namesIteration = (row) => row.step.includes("[") || row.step.endsWith(`-${row.index}`);
const nameOf = (row) => (row.index >= 0 && !namesIteration(row) ? `${row.step}[${row.index}]` : row.step);

function drawRow(row) {
  const [state, , type, outcome, job, attempts, total, provisioning, running, billable, machines] = row.cells;
  const { details } = row;
  row.button.textContent = nameOf(row);
  state.replaceChildren(badge(details?.status === "Stopped" ? "Stopped" : row.state));
  type.textContent = row.type;
  attempts.textContent = row.tries || "";
  total.textContent = duration(row.seconds);
  provisioning.textContent = duration(details?.provisioning);
  running.textContent = duration(details?.running);
  billable.textContent = duration(details?.billable);
  machines.textContent = details?.machines?.join(", ") ?? "";
  const links = (details?.links ?? []).map((one) => link(one.url, one.label));
  job.replaceChildren(html("div", { class: "job short", title: details?.arn }, details?.job), html("div", { class: "links" }, ...links));
  outcome.replaceChildren(...outcomeOf(row));
  drawMore(row);
}

// What a selective execution makes of a step that it does not execute.
const ROLES = { reused: "Reused", "not selected": "Not selected" };

function outcomeOf(row) {
  const { details } = row;
  if (!details) return [];
  const found = [];
  if (details.reason) found.push(html("div", { class: "short" }, details.reason));
  if (details.condition.conditions) {
    const compared = details.condition.conditions.map((one) => one.text).join(" and ");
    found.push(html("div", { class: "short" }, `${details.condition.outcome ? "true" : "false"}: ${compared || "no conditions"}`));
  }
  if (details.cache.outcome) found.push(html("div", {}, details.cache.outcome === "hit" ? "Cache hit" : "Cache miss"));
  if (ROLES[details.selection.Role]) found.push(html("div", {}, ROLES[details.selection.Role]));
  const metrics = Object.entries(details.metrics ?? {}).map(([name, value]) => `${name} ${number(value)}`);
  if (metrics.length) found.push(html("div", { class: "short" }, metrics.join(", ")));
  return found;
}

function toggle(row, open = !row.open) {
  row.open = open;
  row.button.setAttribute("aria-expanded", String(open));
  want(row);
  drawMore(row);
}

function drawMore(row) {
  if (!row.open) {
    row.more?.remove();
    row.more = null;
    return;
  }
  const list = html("dl");
  const add = (label, ...content) => list.append(html("dt", {}, label), html("dd", {}, ...content));
  const { details } = row;
  if (row.start) add("Started", moment(row.start));
  if (!details) add("Details", row.asked ? "being read …" : "");
  else {
    if (details.reason) add("Failure", details.reason);
    if (details.condition.conditions) {
      const mark = (holds) => (holds === null ? "– not compared: " : holds ? "✓ true: " : "✕ false: ");
      const lines = details.condition.conditions.map((one) => html("li", {}, mark(one.holds) + one.text));
      add("Conditions", html("ul", {}, ...lines));
      add("Goes on with", details.condition[details.condition.outcome ? "if" : "else"].join(", ") || "nothing");
    }
    if (details.cache.outcome === "hit") add("Cache", "hit, from the run ", link(pageOfTask(details.cache.run_id, row), details.cache.run_id));
    if (details.cache.outcome === "miss") add("Cache", `miss: ${details.cache.because}`);
    if (details.selection.Role === "reused") add("Reused from", details.selection.SourceRun ?? "");
    if (details.arn) add("ARN", details.arn);
    if (details.waiting !== null && details.waiting !== undefined) add("Waiting", duration(details.waiting));
    for (const [name, value] of Object.entries(details.metrics ?? {})) add(name, number(value));
    if (details.outputs?.length) add("Outputs", details.outputs.join("\n"));
  }
  if (runId) add("Airflow", link(pageOfTask(runId, row), "Task with its log"));
  const cell = html("td", { colspan: COLUMNS.length }, list);
  const more = html("tr", { class: "more" }, cell);
  if (row.more) row.more.replaceWith(more);
  else row.element.after(more);
  row.more = more;
  more.hidden = row.element.hidden;
}

/** Puts the rows in order and hides those that are not looked for. */
function arrange() {
  const value = COLUMNS.find(([label]) => label === sorting.column)?.[1];
  const began = (row) => (row.start ? Date.parse(row.start) : Infinity);
  const usual = (one, other) => (order.get(one.task) ?? Infinity) - (order.get(other.task) ?? Infinity) || one.index - other.index;
  const compare = (one, other) => {
    if (!value) return began(one) === began(other) ? usual(one, other) : began(one) - began(other);
    const [left, right] = [value(one), value(other)];
    if ((left ?? "") === (right ?? "")) return usual(one, other);
    if (left === null || left === undefined) return 1;
    if (right === null || right === undefined) return -1;
    return (left < right ? -1 : 1) * (sorting.down ? -1 : 1);
  };
  const wanted = $("find").value.trim().toLowerCase();
  const sorted = [...rows.values()].sort(compare);
  let count = 0;
  const body = $("steps").tBodies[0];
  sorted.forEach((row, place) => {
    row.element.hidden =
      ($("state").value && row.state !== $("state").value) || !`${nameOf(row)} ${row.type}`.toLowerCase().includes(wanted);
    if (row.more) row.more.hidden = row.element.hidden;
    count += row.element.hidden ? 0 : 1;
    const before = place ? (sorted[place - 1].more ?? sorted[place - 1].element) : null;
    // Only what stands elsewhere is moved: a move takes the focus away.
    if ((before ? before.nextSibling : body.firstChild) !== row.element) {
      if (before) before.after(row.element);
      else body.prepend(row.element);
      if (row.more) row.element.after(row.more);
    }
  });
  $("shown").textContent = count === sorted.length ? `${count} tasks` : `${count} of ${sorted.length} tasks`;
  $("steps").querySelectorAll("th").forEach((cell, place) => {
    if (COLUMNS[place][0] === sorting.column) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
}

/** Shows a node's row in the table, opened. */
function choose(task) {
  const row = [...rows.values()].find((one) => one.task === task);
  if (!row) return;
  $("find").value = $("state").value = "";
  arrange();
  toggle(row, true);
  document.querySelectorAll("tr.chosen").forEach((one) => one.classList.remove("chosen"));
  row.element.classList.add("chosen");
  row.element.scrollIntoView({ block: "center" });
  row.button.focus({ preventScroll: true });
}

// -- the graph's states ------------------------------------------------------------------------------------------------

const WORST_FIRST = ["Failed", "Stopped", "Waiting for an answer", "Retrying", "Executing", "Starting", "Not started", "Not run", "Succeeded", "Skipped", "Removed"];

function drawNodes() {
  const byTask = Map.groupBy(tasks, (task) => task.task);
  for (const node of graph.report.nodes) {
    const own = byTask.get(node.task) ?? [];
    const states = own.map((task) => task.state);
    const state = WORST_FIRST.find((one) => states.includes(one)) ?? "Not started";
    const done = states.filter((one) => one === "Succeeded").length;
    const time = own.length === 1 ? duration(own[0].seconds) : `${done} of ${own.length} succeeded`;
    graph.setState(node.task, state, state === "Not started" ? "" : time);
  }
}

function drawCounts() {
  const counts = Map.groupBy(tasks, (task) => task.state);
  const known = Object.keys(STATES).filter((state) => counts.has(state));
  $("counts").replaceChildren(
    ...known.map((state) => {
      const item = badge(state);
      item.append(` ${counts.get(state).length}`);
      return html("li", {}, item);
    }),
  );
  const chosen = $("state").value;
  $("state").replaceChildren(html("option", { value: "" }, "all"), ...known.map((state) => html("option", { value: state }, state)));
  $("state").value = known.includes(chosen) ? chosen : "";
}

// -- details, as far as somebody looks at them -------------------------------------------------------------------------

const wanted = new Set();
let isAsking = false;
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const row = entry.isIntersecting && rows.get(entry.target.dataset.key);
    if (row) want(row);
  }
}, { rootMargin: "200px" });

function want(row) {
  if (row.asked || row.state === "Not started" || !runId) return;
  row.asked = true;
  wanted.add(row.key);
  setTimeout(askForDetails);
}

async function askForDetails() {
  if (isAsking || !wanted.size) return;
  isAsking = true;
  const keys = [...wanted].slice(0, AT_ONCE);
  keys.forEach((key) => wanted.delete(key));
  const asked = runId;
  try {
    const answer = await ask("details", { dag, run: asked, task: keys });
    if (asked === runId) answer.details.forEach(take);
  } catch (error) {
    keys.forEach((key) => rows.has(key) && (rows.get(key).asked = false));
    say(error.message);
  } finally {
    isAsking = false;
    if (wanted.size) askForDetails();
  }
}

function take(details) {
  const row = rows.get(keyOf(details));
  if (!row) return;
  row.details = details;
  drawRow(row);
  if (details.condition.conditions) graph.setBranches(row.task, details.condition);
}

// -- metrics over the last runs ----------------------------------------------------------------------------------------

const measures = new Map();

async function measuresOf(run) {
  const known = measures.get(run.id);
  if (known) return known;
  const found = await ask("measures", { dag, run: run.id });
  if (run.ended) measures.set(run.id, found);
  return found;
}

async function showMetrics() {
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

// -- two runs ----------------------------------------------------------------------------------------------------------

async function compareRuns() {
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

// -- tabs, theme, events -----------------------------------------------------------------------------------------------

const OPENED = { "tab-steps": () => {}, "tab-metrics": showMetrics, "tab-compare": compareRuns };

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
$("find").addEventListener("input", arrange);
$("state").addEventListener("change", arrange);
$("zoom-in").addEventListener("click", () => graph.zoom(graph.scale * 1.25));
$("zoom-out").addEventListener("click", () => graph.zoom(graph.scale / 1.25));
$("zoom-fit").addEventListener("click", () => graph.fit());
$("run").addEventListener("change", () => {
  runId = $("run").value;
  for (const row of rows.values()) {
    row.element.remove();
    row.more?.remove();
  }
  rows.clear();
  $("compare-first").value = runId;
  showRun();
});
$("compare-first").addEventListener("change", compareRuns);
$("compare-second").addEventListener("change", compareRuns);
$("compare-all").addEventListener("change", compareRuns);

start();
