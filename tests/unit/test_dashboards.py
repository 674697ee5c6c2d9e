"""The dashboard and the alerts ask for metrics that there are, by labels and values that these have."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families as parsed

from store import workers
from store.database import Database
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "tuneyard.json").read_text())
GROUPS: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
SCRAPING: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
SELECTOR = re.compile(r"\b((?:tuneyard|process)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~?)"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|without|on) \(([^)]*)\)")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Samples = Mapping[str, list[Mapping[str, str]]]


def expressions() -> Iterator[str]:
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in ALERTS)


@pytest.fixture
def samples(service: TestClient, database: Database, spec: JobSpec) -> Samples:
    """The labels of every sample of a service in which something happens."""
    claim_submitted(database, spec)
    with database.writing() as session:
        workers.see(session, "w", num_slots=1, memory_bytes=1, gpus=())
    service.get("/jobs")
    found: dict[str, list[Mapping[str, str]]] = {}
    for family in parsed(service.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@on_sqlite
def test_every_expression_asks_for_samples_that_there_are(samples: Samples) -> None:
    for expression in expressions():
        for name, matchers in SELECTOR.findall(expression):
            asked = [(label, value) for label, how, value in MATCHER.findall(matchers) if how == "="]
            assert name in samples, expression
            assert any(all(labels.get(label) == value for label, value in asked) for labels in samples[name]), (
                expression
            )


@on_sqlite
def test_every_expression_groups_by_labels_that_there_are(samples: Samples) -> None:
    for expression in expressions():
        names = {name for name, _ in SELECTOR.findall(expression)}
        known = {label for name in names for labels in samples[name] for label in labels} | {"instance"}
        grouped = {label.strip() for labels in GROUPED.findall(expression) for label in labels.split(",")}
        assert grouped <= known, expression


def test_every_legend_names_a_label_that_its_expression_leaves() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            kept = {label.strip() for labels in GROUPED.findall(target["expr"]) for label in labels.split(",")}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept, panel["title"]


def test_parentheses_are_closed() -> None:
    for expression in expressions():
        assert expression.count("(") == expression.count(")"), expression


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        across, down = (range(place[at], place[at] + place[length]) for at, length in ("xw", "yh"))
        cells = {(x, y) for x in across for y in down}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_alert_says_what_is_wrong() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS) > 0
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in ALERTS)


def test_the_scrape_loads_the_alerts_and_the_job_that_they_ask_for() -> None:
    assert [(DEPLOY / "prometheus" / path).is_file() for path in SCRAPING["rule_files"]] == [True]
    assert {"tuneyard"} == {one["job_name"] for one in SCRAPING["scrape_configs"]}
