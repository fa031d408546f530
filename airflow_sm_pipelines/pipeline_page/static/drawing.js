/** Graph and plots as SVG. Every text goes in as a text node, so that markup in it is shown, never read. */

const SVG = "http://www.w3.org/2000/svg";

/** State in words -> its sign and its tone. The word always stands beside them. */
export const STATES = {
  Succeeded: ["✓", "good"],
  Failed: ["✕", "bad"],
  Retrying: ["↻", "wait"],
  "Waiting for an answer": ["?", "wait"],
  Executing: ["▶", "busy"],
  Starting: ["…", "busy"],
  Stopped: ["■", "bad"],
  "Not run": ["⊘", "idle"],
  Removed: ["⊘", "idle"],
  Skipped: ["»", "idle"],
  "Not started": ["○", "idle"],
};

export const toneOf = (state) => (STATES[state] ?? ["•", "idle"])[1];
export const signOf = (state) => (STATES[state] ?? ["•", "idle"])[0];

/** Returns an SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A graph that shows the state of each node. */
export class Graph {
  /**
   * @param {Element} place where it is drawn.
   * @param {object} report what the endpoint says of the graph.
   * @param {(task: string) => void} choose called when a person chooses a node.
   */
  constructor(place, report, choose) {
    this.place = place;
    this.report = report;
    this.scale = 1;
    this.nodes = new Map();
    this.edges = [];
    this.image = svg("svg", { viewBox: `0 0 ${report.width} ${report.height}`, role: "group" });
    this.image.setAttribute("aria-label", "Graph of the steps. The arrow keys go from step to step, Enter shows a step in the table.");
    for (const edge of report.edges) this.#addEdge(edge);
    for (const node of report.nodes) this.#addNode(node, choose);
    this.#joinNeighbours();
    this.image.classList.toggle("dense", report.edges.length > 300);
    place.replaceChildren(this.image);
    this.fit();
    // Of a graph that is wider than the screen, the beginning comes first.
    const first = this.nodes.get(this.held);
    if (first) place.scrollLeft = (first.x + report.node[0] / 2) * this.scale - place.clientWidth / 2;
  }

  /** Shows the whole, but nothing smaller than can be read. */
  fit() {
    const [width, height] = [this.place.clientWidth - 4, 0.48 * window.innerHeight];
    this.zoom(Math.min(1, Math.max(0.4, Math.min(width / this.report.width, Math.max(0.75, height / this.report.height)))));
  }

  zoom(scale) {
    this.scale = Math.min(2, Math.max(0.1, scale));
    this.image.setAttribute("width", this.report.width * this.scale);
    this.image.setAttribute("height", this.report.height * this.scale);
  }

  /** Shows the state of a node. `note` says more: its time, or how many of its tasks have succeeded. */
  setState(task, state, note) {
    const node = this.nodes.get(task);
    if (!node) return;
    node.group.setAttribute("class", `node ${toneOf(state)}`);
    node.group.setAttribute("aria-label", `${node.step}, ${node.type}: ${state}${note ? `, ${note}` : ""}`);
    node.sign.textContent = signOf(state);
    node.kind.textContent = shorten([node.type, state === "Succeeded" && note ? note : state].join(" · "), 28);
  }

  /** Shows which branch an edge belongs to, and whether it was taken. */
  setBranches(condition, decision) {
    for (const { edge, path, label } of this.edges) {
      if (edge.from !== condition) continue;
      const leads = (names) => names.some((name) => edge.to === name || edge.to.startsWith(`${name}.`) || edge.to.endsWith(`.${name}`));
      const branch = leads(decision.if) ? "if" : leads(decision.else) ? "else" : "";
      label.textContent = branch;
      path.classList.toggle("not-taken", Boolean(branch) && (branch === "if") !== decision.outcome);
    }
  }

  focus(task) {
    this.#hold(task);
    this.nodes.get(task)?.group.focus();
  }

  #addEdge(edge) {
    const [[startX, startY], ...rest] = edge.points;
    let [x, y, line] = [startX, startY, `M${startX} ${startY}`];
    for (const [nextX, nextY] of rest) {
      const middle = (y + nextY) / 2;
      line += x === nextX ? `L${nextX} ${nextY}` : `C${x} ${middle} ${nextX} ${middle} ${nextX} ${nextY}`;
      [x, y] = [nextX, nextY];
    }
    const path = svg("path", { d: line, class: "edge" });
    const tip = svg("path", { d: `M${x} ${y}l-4.5 -8h9z`, class: "tip" });
    const [secondX, secondY] = rest[0];
    const label = svg("text", { x: (startX + secondX) / 2 + 6, y: (startY + secondY) / 2 + 4, class: "edge-label" });
    this.edges.push({ edge, path, label });
    this.image.append(path, tip, label);
  }

  #addNode(node, choose) {
    const [width, height] = this.report.node;
    const sign = svg("text", { x: 22, y: height / 2 + 5, class: "sign", "aria-hidden": "true" }, "○");
    const kind = svg("text", { x: 40, y: 38, class: "kind" }, node.type);
    const group = svg(
      "g",
      { transform: `translate(${node.x} ${node.y})`, class: "node idle", role: "button", tabindex: "-1", "data-task": node.task },
      svg("title", {}, node.step),
      svg("rect", { width, height, rx: 8 }),
      svg("rect", { width: 5, height: height - 12, x: 4, y: 6, rx: 2.5, class: "stripe" }),
      sign,
      svg("text", { x: 40, y: 21, class: "name" }, shorten(node.step, 22)),
      kind,
    );
    group.setAttribute("aria-label", `${node.step}, ${node.type}`);
    group.addEventListener("click", () => choose(node.task));
    group.addEventListener("focus", () => this.#hold(node.task));
    group.addEventListener("keydown", (event) => this.#onKey(event, node, choose));
    this.nodes.set(node.task, { ...node, group, sign, kind });
    this.image.append(group);
  }

  /** One node is reached by Tab, the others by the arrow keys: nobody wants to press Tab a thousand times. */
  #joinNeighbours() {
    const first = this.report.nodes.toSorted((one, other) => one.y - other.y || one.x - other.x)[0];
    if (first) this.#hold(first.task);
  }

  #hold(task) {
    if (!this.nodes.has(task)) return;
    this.nodes.get(this.held)?.group.setAttribute("tabindex", "-1");
    this.held = task;
    this.nodes.get(task).group.setAttribute("tabindex", "0");
  }

  #onKey(event, node, choose) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(node.task);
      return;
    }
    const isAhead = {
      ArrowDown: (other) => other.y > node.y,
      ArrowUp: (other) => other.y < node.y,
      ArrowRight: (other) => other.y === node.y && other.x > node.x,
      ArrowLeft: (other) => other.y === node.y && other.x < node.x,
    }[event.key];
    if (!isAhead) return;
    event.preventDefault();
    const distance = (other) => Math.abs(other.y - node.y) * 10 + Math.abs(other.x - node.x);
    const next = this.report.nodes.filter(isAhead).sort((one, other) => distance(one) - distance(other))[0];
    if (next) this.focus(next.task);
  }
}

/**
 * Returns a plot of a number over runs.
 * @param {{label: string, value: number, text: string, failed: boolean}[]} points the oldest first.
 */
export function plot(points) {
  const [width, height, left, right, top, bottom] = [360, 150, 80, 8, 14, 26];
  const values = points.map((point) => point.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const x = (number) => (points.length < 2 ? width / 2 : left + 8 + (number * (width - left - right - 16)) / (points.length - 1));
  const textOf = (value) => points.find((point) => point.value === value).text;
  const y = (value) => (most === least ? (height - bottom + top) / 2 : top + ((most - value) * (height - top - bottom)) / (most - least));
  const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img" });
  image.setAttribute("aria-label", points.map((point) => `${point.label}: ${point.text}${point.failed ? " (failed)" : ""}`).join("; "));
  image.append(svg("path", { class: "axis", d: `M${left} ${height - bottom + 6}H${width - right}` }));
  if (points.length > 1) image.append(svg("path", { class: "curve", d: points.map((point, number) => `${number ? "L" : "M"}${x(number)} ${y(point.value)}`).join("") }));
  points.forEach((point, number) => {
    const title = svg("title", {}, `${point.label}: ${point.text}`);
    // A failed run is a square, so that it does not take its colour to tell it.
    const [px, py] = [x(number), y(point.value)];
    image.append(
      point.failed
        ? svg("rect", { class: "point bad", x: px - 4.5, y: py - 4.5, width: 9, height: 9 }, title)
        : svg("circle", { class: "point", cx: px, cy: py, r: 4.5 }, title),
    );
  });
  for (const value of new Set([least, most])) image.append(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, textOf(value)));
  if (points.length > 1) {
    image.append(svg("text", { x: left, y: height - 3 }, points[0].label), svg("text", { x: width - right, y: height - 3, "text-anchor": "end" }, points.at(-1).label));
  }
  return image;
}

export function shorten(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
