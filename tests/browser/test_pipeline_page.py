"""The pipeline page in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Chromium
from tests.pipeline_page.stand_ins import LOGIN, PageAirflow, add_example

pytestmark = pytest.mark.browser

Show = Callable[..., Chromium]
GOOD = "/sm-pipelines/page/?dag=abalone&run=good"
BAD = "/sm-pipelines/page/?dag=abalone&run=bad"
MARKUP = "<img src=x onerror=\"document.title='attacked'\"><script>document.title='attacked'</script>"


def row(page: Chromium, task: str) -> str:
    return page.text(f'tr[data-key="{task}@-1"]')


def node(page: Chromium, task: str) -> str:
    return str(
        page.run("return document.querySelector(`[data-task=\"${arguments[0]}\"]`).getAttribute('aria-label')", task)
    )


def focused(page: Chromium) -> str:
    script = "const one = document.activeElement; return one.dataset.task ?? one.id ?? one.textContent"
    return str(page.run(script) or page.run("return document.activeElement.textContent"))


def test_graph_and_table_tell_the_state_of_each_step(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text('tr[data-key="Train@-1"]', "ml.m5.xlarge")
    assert page.text("#run-state") == "Succeeded"
    assert node(page, "Train") == "Train, Training: Succeeded, 1 min 00 s"
    assert node(page, "Stop").startswith("Stop, Fail: Skipped")
    for text in ("Succeeded", "Training", "good", "1 min 30 s", "10 min 00 s", "4 min 00 s", "2 x ml.m5.xlarge"):
        assert text in row(page, "Train")
    page.wait_for_text('tr[data-key="Check@-1"]', "true: Eval.mse 5.1 <= MaxMse 6")


def test_the_edges_of_a_condition_tell_its_branches_and_which_was_taken(show: Show) -> None:
    page = show(BAD)
    page.wait("return [...document.querySelectorAll('.edge-label')].some((one) => one.textContent)")
    assert sorted(filter(None, page.texts(".edge-label"))) == ["else", "if"]
    assert page.count(".edge.not-taken") == 1


def test_a_step_opens_to_its_failure_its_condition_and_the_source_of_its_result(show: Show, base_url: str) -> None:
    page = show(BAD)
    page.wait_for_text('tr[data-key="Train@-1"]', "Cache hit")
    for task in ("Stop", "Check", "Train"):
        page.click(f'tr[data-key="{task}@-1"] .step')
    page.wait_for_text('tr[data-key="Stop@-1"] + .more', "the error is too large")
    page.wait_for_text('tr[data-key="Check@-1"] + .more', "false: Eval.mse 7.5 <= MaxMse 6")
    page.wait_for_text('tr[data-key="Train@-1"] + .more', "hit, from the run good")
    hrefs = page.run("return [...document.querySelectorAll('.more a')].map((one) => one.href)")
    assert f"{base_url}/dags/abalone/runs/good/tasks/Train" in hrefs
    assert f"{base_url}/dags/abalone/runs/bad/tasks/Stop" in hrefs


def test_links_lead_to_pages_and_never_run_scripts(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text('tr[data-key="Train@-1"]', "SageMaker console")
    hrefs = page.run("return [...document.querySelectorAll('a')].map((one) => one.href)")
    assert hrefs
    assert all(href.startswith(("http://127.0.0.1", "https://eu-west-1.console.aws.amazon.com/")) for href in hrefs)


def test_a_person_who_may_not_read_the_dag_sees_nothing_of_it(show: Show, airflow: PageAirflow) -> None:
    airflow.hidden.add("abalone")
    page = show(GOOD)
    page.wait_for_text("#message", "You may not read this DAG")
    assert "Train" not in page.run("return document.documentElement.outerHTML")


def test_a_person_who_is_not_logged_in_sees_nothing(show: Show) -> None:
    page = show(GOOD, login="")
    page.wait_for_text("#message", "You are not logged in to Airflow")
    assert "Train" not in page.run("return document.documentElement.outerHTML")


def test_a_dag_of_other_tasks_says_so(show: Show, airflow: PageAirflow) -> None:
    airflow.add_dag("other")
    airflow.add_step("other", "Hello", "BashOperator")
    show("/sm-pipelines/page/?dag=other").wait_for_text("#message", "was not made from a SageMaker pipeline definition")


def test_a_broken_definition_is_told_with_its_errors(show: Show, airflow: PageAirflow) -> None:
    airflow.add_dag("broken")
    airflow.dags["broken"]["doc_md"] = (
        "This pipeline definition is broken:\n\n```text\nSteps[0]: no type\n```\n\nIt only fails."
    )
    airflow.add_step("broken", "broken_definition", "BrokenDefinitionOperator")
    page = show("/sm-pipelines/page/?dag=broken")
    page.wait_for_text("#message", "This pipeline definition is broken:\n\nSteps[0]: no type\n\nIt only fails.")


def test_why_steps_have_failed_stands_at_the_top(show: Show) -> None:
    page = show(GOOD.replace("run=good", "run=bad"))
    page.wait_for_text("#failures", "Stop failed")
    assert "the error is too large" in page.text("#failures")
    assert show(GOOD).run("return document.querySelector('#failures').hidden")


def test_a_pipeline_without_runs_shows_its_graph(show: Show, airflow: PageAirflow) -> None:
    airflow.add_dag("new")
    airflow.add_step("new", "Train", "TrainingOperator")
    page = show("/sm-pipelines/page/?dag=new")
    page.wait_for_text("#run-facts", "no runs yet")
    assert node(page, "Train").startswith("Train, Training: Not started")


def test_markup_in_texts_of_definitions_and_jobs_is_shown_and_never_read(show: Show, airflow: PageAirflow) -> None:
    for members in (airflow.dags, airflow.runs, airflow.tasks, airflow.xcoms, airflow.dag_tasks):
        members.clear()
    add_example(airflow, MARKUP)
    airflow.dag_tasks["abalone"][0]["task_display_name"] = f"Train{MARKUP}"
    airflow.runs["abalone", "bad"]["note"] = MARKUP
    page = show(BAD)
    page.wait_for_text('tr[data-key="Stop@-1"]', "the error is too large<img")
    for task in ("Train", "Check", "Stop"):
        page.click(f'tr[data-key="{task}@-1"] .step')
    page.click("#tab-metrics")
    page.wait_for_text("#plots", f"validation:rmse{MARKUP}")
    page.click("#tab-compare")
    page.wait_for_text("#comparison", f"image:0{MARKUP}")
    assert page.count("img") == 0
    assert page.count("script") == 1
    assert page.run("return document.title") == "abalone – Pipeline"


def test_the_policy_refuses_inline_scripts_even_if_one_got_in(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text("#run-state", "Succeeded")
    page.run(
        "const one = document.createElement('script'); one.textContent = 'document.title = \"attacked\"';"
        "document.body.append(one)"
    )
    assert page.run("return document.title") == "abalone – Pipeline"
    assert any("Content Security Policy" in line for line in page.log())


def test_everything_is_reached_by_the_keyboard(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text('tr[data-key="Train@-1"]', "ml.m5.xlarge")
    order = []
    for _ in range(9):
        page.press("Tab")
        order.append(focused(page))
    assert order == ["run", "tab-steps", "zoom-out", "zoom-fit", "zoom-in", "Train", "find", "state", "State"]
    # The graph is one stop; within it the arrow keys go along.
    page.run("document.querySelector('[data-task=Train]').focus()")
    page.press("Down")
    assert focused(page) == "Check"
    page.press("Down", "Right")
    assert focused(page) in ("Register", "Stop")
    page.press("Up", "Enter")
    assert page.run("return document.activeElement.className") == "step"
    assert page.text('tr[data-key="Check@-1"] + .more')


def test_tabs_follow_the_arrow_keys(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text("#run-state", "Succeeded")
    page.click("#tab-steps")
    page.press("Right")
    assert page.run("return document.activeElement.id") == "tab-metrics"
    page.wait_for_text("#plots", "Eval.mse")
    page.press("Right", "Right")
    assert page.run("return document.querySelector('[aria-selected=true]').id") == "tab-steps"


def test_what_has_the_focus_is_seen(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text("#run-state", "Succeeded")
    page.press("Tab")
    outline = page.run(
        "const one = getComputedStyle(document.activeElement); return [one.outlineStyle, one.outlineWidth]"
    )
    assert outline == ["solid", "3px"]


def test_every_control_and_every_image_has_a_name(show: Show) -> None:
    page = show(GOOD)
    page.click("#tab-metrics")
    page.wait_for_text("#plots", "Eval.mse")
    nameless = page.run(
        "return [...document.querySelectorAll('button, select, input, a, [role=button], [role=img], section')]"
        ".filter((one) => !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby')"
        " && !one.textContent.trim() && !one.labels?.length).map((one) => one.outerHTML)"
    )
    assert nameless == []


def test_a_plot_tells_its_numbers_in_words_and_a_failed_run_by_its_shape(show: Show) -> None:
    page = show(GOOD)
    page.click("#tab-metrics")
    page.wait_for_text("#metrics-note", "The last 2 ended runs")
    captions = page.texts("figcaption")
    assert any(text.startswith("Train validation:rmse") for text in captions)
    assert any(text.startswith("Duration of the run") for text in captions)
    label = page.run("return document.querySelector('.plot').getAttribute('aria-label')")
    assert "29 min 55 s" in label
    assert "(failed)" in label
    # All but one: the failed run has reused its training job, and has nothing to be billed for.
    assert page.count(".plot rect.point") == page.count(".plot") - 1


def test_two_runs_are_compared(show: Show) -> None:
    page = show(GOOD)
    page.wait_for_text("#run-state", "Succeeded")
    page.click("#tab-compare")
    page.wait_for_text("#comparison", "AlgorithmSpecification.TrainingImage")
    rows = page.texts("#comparison tbody tr")
    assert any("MaxMse" in text and "7" in text and "6 (default)" in text for text in rows)
    assert any("Train validation:rmse" in text and "0.51" in text and "0.75" in text for text in rows)
    before = len(rows)
    page.click("#compare-all")
    page.wait("return document.querySelectorAll('#comparison tbody tr').length > arguments[0]", before)


def test_steps_are_found_by_name_state_and_order(show: Show) -> None:
    page = show(BAD)
    page.wait_for_text("#shown", "4 tasks")
    page.click("#find")
    page.press("r", "e", "g")
    page.wait_for_text("#shown", "1 of 4 tasks")
    page.run("const one = document.querySelector('#find'); one.value = ''; one.dispatchEvent(new Event('input'))")
    page.click("thead th:nth-child(2) button")
    names = page.texts("#steps .step")
    assert names == sorted(names)
    assert page.run("return document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "ascending"
    page.click("thead th:nth-child(2) button")
    assert page.texts("#steps .step") == sorted(names, reverse=True)


def test_a_run_that_goes_on_is_shown_anew_by_itself(show: Show, airflow: PageAirflow) -> None:
    airflow.add_run("abalone", "now")
    task = airflow.add_task("now", "Train", "TrainingOperator", "running")
    page = show("/sm-pipelines/page/?dag=abalone&run=now")
    page.wait_for_text("#run-state", "Executing")
    task["state"] = "success"
    airflow.runs["abalone", "now"] |= {"state": "success", "end_date": "2026-11-21T13:00:00+00:00"}
    page.wait_for_text("#run-state", "Succeeded", seconds=60)
    assert "Succeeded" in row(page, "Train")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_the_theme_that_was_chosen_in_airflow(show: Show, theme: str) -> None:
    page = show(GOOD)
    page.wait_for_text("#run-state", "Succeeded")
    page.run("localStorage.setItem('theme', arguments[0])", theme)
    page.run("location.reload()")
    page.wait_for_text("#run-state", "Succeeded")
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 29, 43)"}[theme]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(show: Show, theme: str) -> None:
    page = show(BAD)
    page.wait_for_text("#run-state", "Failed")
    page.run("document.documentElement.dataset.theme = arguments[0]", theme)
    worst = page.run(CONTRAST)
    assert worst["ratio"] >= 4.5, worst


# The least contrast between a text and its ground (WCAG 2.2, 1.4.3).
CONTRAST = """
const colour = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
const light = (text) => {
  const [r, g, b] = colour(text).slice(0, 3).map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const groundOf = (one) => {
  for (let here = one; here; here = here.parentElement) {
    const found = getComputedStyle(here).backgroundColor;
    if (colour(found)[3] !== 0) return found;
  }
};
let worst = { ratio: 99 };
for (const one of document.querySelectorAll("body *:not(svg *)")) {
  const hasText = [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  if (!one.checkVisibility() || !hasText) continue;
  const [text, ground] = [light(getComputedStyle(one).color), light(groundOf(one))];
  const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  if (ratio < worst.ratio) worst = { ratio, text: one.textContent, of: one.outerHTML.slice(0, 200) };
}
return worst;
"""


def test_without_a_theme_of_airflow_the_persons_preference_holds(tmp_path: Path, base_url: str) -> None:
    with Chromium(tmp_path, dark=True) as page:
        page.open(f"{base_url}/sm-pipelines/page/page.css")
        page.run("document.cookie = `_token=${arguments[0]}; path=/`", LOGIN)
        page.open(base_url + GOOD)
        page.wait_for_text("#run-state", "Succeeded")
        assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(23, 29, 43)"


def test_in_airflows_frame_it_works_and_its_links_open_outside(show: Show) -> None:
    page = show("/frame")
    inside = "document.querySelector('iframe').contentDocument"
    page.wait(f"return Boolean({inside}?.querySelector('.links a'))")
    windows = page.windows()
    page.run(f"{inside}.querySelector('.links a').click()")
    page.wait_for_windows(windows + 1)


def test_a_thousand_steps_are_shown_within_seconds(show: Show, airflow: PageAirflow) -> None:
    airflow.add_dag("large")
    airflow.add_run("large", "now", "success")
    for number in range(1000):
        downstream = [f"Step{number + 10}"] if number < 990 else []
        airflow.add_step("large", f"Step{number}", "TrainingOperator", *downstream)
        airflow.add_task("now", f"Step{number}", "TrainingOperator", "success")
        airflow.xcoms["now", f"Step{number}", -1, "return_value"] = {
            "TrainingJobArn": f"arn:aws:x:training-job/{number}"
        }
    began = time.monotonic()
    page = show("/sm-pipelines/page/?dag=large&run=now")
    page.wait_for_text("#shown", "1000 tasks", seconds=60)
    assert page.count(".node") == 1000
    page.wait_for_text('tr[data-key="Step0@-1"] .job', "0")
    assert time.monotonic() - began < 60
    # What nobody looks at is not read.
    asked: set[Any] = {path[5] for path in airflow.asked if len(path) == 8 and path[6] == "xcomEntries"}
    assert 0 < len(asked) < 200
    page.run("document.querySelector('tr[data-key=\"Step900@-1\"]').scrollIntoView()")
    page.wait_for_text('tr[data-key="Step900@-1"] .job', "900")
