"""Measure the requests that a cluster sends for many hires, for several kinds of DAG: ``python -m tools.pressure``."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tests.helpers.airflow_home import ROOT
from tests.helpers.cluster import Cluster, Watched, postgres, redis

MANY, FEW = 500, 100
WAYS = {
    "many": ("many", MANY, f"{MANY} tasks on eight slots"),
    "many_in_a_pool": ("pool", FEW, f"{FEW} tasks in a pool of 2"),
    "many_but_two_at_a_time": ("two", FEW, f"{FEW} tasks, `max_active_tis_per_dag=2`"),
    "many_in_one_task": ("one", MANY, f"one task for all {MANY} people, in batches"),
}


def main() -> None:
    """Run each DAG once, and print a table row for it."""
    products = tuple(product for product, *_ in WAYS.values())
    with tempfile.TemporaryDirectory() as folder, Watched(products=products) as fake, postgres() as database:
        dags = Path(folder)
        shutil.copy(ROOT / "tests/system/dags/many.py", dags)
        for number in range(MANY):
            fake.add_user(f"hire{number:03}@example.com")
        settings = {"AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(), "MANY": str(MANY), "FEW": str(FEW)}
        with (
            redis() as broker,
            Cluster(dags, settings, database=database, broker=broker) as cluster,
            cluster.nodes(*WAYS) as server,
        ):
            server.ask("POST", "/api/v2/pools", {"name": "datadog", "slots": 2, "include_deferred": False})
            for dag_id, (product, people, words) in WAYS.items():
                fake.clear()
                began = time.monotonic()
                state = server.finish(server.begin(dag_id), 600)["state"]
                seconds = time.monotonic() - began
                assert (state, len(fake.emails(product))) == ("success", people)
                mean, peak = fake.rate()
                print(f"| {words} | {len(fake.times):,} | {mean:.1f} | {peak} | {seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
