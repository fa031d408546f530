/** The steps of a run: a table, and the graph in the colours of their states. */

import { ask, dag, pageOfTask } from "./airflow.js";
import { Graph, STATES } from "./drawing.js";
import { $, badge, duration, html, link, moment, number, say } from "./elements.js";

const AT_ONCE = 25; // tasks in one question for details

let graph = null;
let order = new Map(); // task -> its place in the graph
let runId = "";
let tasks = []; // of the run
let sorting = { column: "", down: false };
const rows = new Map(); // key -> what the table shows of a task

const keyOf = (task) => `${task.task}@${task.index}`;

/** Draws the graph and the head of the table. */
export function drawSteps(report) {
  graph = new Graph($("graph"), report, choose);
  order = new Map(report.nodes.toSorted((one, other) => one.y - other.y || one.x - other.x).map((node, place) => [node.task, place]));
  drawHead();
}

/** Shows the tasks of a run; of another one than before, nothing is kept. */
export function showTasks(run, found) {
  if (run !== runId) forgetRows();
  [runId, tasks] = [run, found];
  drawTasks();
}

/** Shows the steps as those of a DAG without runs. */
export function showUnstarted(report) {
  showTasks("", report.nodes.map((node) => ({ ...node, index: -1, state: "Not started", tries: 0, seconds: null })));
}

function forgetRows() {
  for (const row of rows.values()) {
    row.element.remove();
    row.more?.remove();
  }
  rows.clear();
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
    // What is in view is told of, and so is every decision, for the graph, and every failure.
    seen.unobserve(row.element);
    seen.observe(row.element);
    if ((row.type === "Condition" && row.state === "Succeeded") || row.state === "Failed") want(row);
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
  drawFailures();
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

const MOST_FAILURES = 5;

/** Shows at the top why steps have failed: whoever is woken at night looks for nothing else. */
function drawFailures() {
  const failed = [...rows.values()].filter((row) => row.state === "Failed" && row.details?.reason);
  const told = failed.slice(0, MOST_FAILURES).flatMap((row) => [
    html("dt", {}, `${nameOf(row)} failed `, link(pageOfTask(runId, row), "Log")),
    html("dd", {}, row.details.reason),
  ]);
  const more = failed.length - MOST_FAILURES;
  if (more > 0) told.push(html("dt", {}, `${more} more failed`));
  $("failures").replaceChildren(...told);
  $("failures").hidden = !told.length;
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
  if (details.reason) drawFailures();
  if (details.condition.conditions) graph.setBranches(row.task, details.condition);
}

$("find").addEventListener("input", arrange);
$("state").addEventListener("change", arrange);
$("zoom-in").addEventListener("click", () => graph.zoom(graph.scale * 1.25));
$("zoom-out").addEventListener("click", () => graph.zoom(graph.scale / 1.25));
$("zoom-fit").addEventListener("click", () => graph.fit());
