/** Airflow, as this page knows it: the DAG that it is about, questions to its endpoint, addresses of Airflow's own pages. */

export const query = new URLSearchParams(location.search);
export const dag = query.get("dag") ?? "";
const root = new URL("../../", location.href); // this page is sm-pipelines/page/

/** Returns a report of the endpoint. */
export async function ask(report, parameters) {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const answer = await fetch(`data/${report}?${new URLSearchParams(pairs)}`, { credentials: "same-origin" });
  const body = await answer.json().catch(() => ({ error: `Airflow answered ${answer.status}` }));
  if (answer.ok) return body;
  const reasons = { 401: "You are not logged in to Airflow.", 403: "You may not read this DAG." };
  throw Object.assign(new Error(reasons[answer.status] ?? body.error), { status: answer.status });
}

const pageOfRun = (run) => new URL(`dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`, root).href;
export const pageOfTask = (run, row) => `${pageOfRun(run)}/tasks/${encodeURIComponent(row.task)}${row.index < 0 ? "" : `/mapped/${row.index}`}`;
