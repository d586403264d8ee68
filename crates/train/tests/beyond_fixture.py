"""Writes beyond_fixture.json: lists judged by RecTools, as a second source for what a list is beside accurate.

    pip install rectools==0.19.0 && python crates/train/tests/beyond_fixture.py

RecTools measures the diversity of a list by whatever distances it is given; it gets one minus the cosine of the
products' user vectors.
"""
import importlib.metadata
import json
import pathlib
import random

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.metrics import AvgRecPopularity, CatalogCoverage, IntraListDiversity, MeanInvUserFreq, calc_metrics
from rectools.metrics.distances import PairwiseDistanceCalculator

random.seed(7)
N_USERS, N_ITEMS, KS = 30, 25, [1, 5, 8]
# Products at the head are chosen more often; the last one by nobody.
train = sorted({(u, min(int(random.expovariate(0.15)), N_ITEMS - 2)) for u in range(N_USERS) for _ in range(9)})
lists = [random.sample(range(N_ITEMS), 8) for _ in range(20)]

vectors = np.zeros((N_ITEMS, N_USERS))
for user, item in train:
    vectors[item, user] = 1.0
norms = np.linalg.norm(vectors, axis=1)
cosine = vectors @ vectors.T / np.where(np.outer(norms, norms) > 0, np.outer(norms, norms), 1.0)


class Cosine(PairwiseDistanceCalculator):
    def _get_distances_for_item_pairs(self, items_0, items_1):
        return 1.0 - cosine[np.asarray(items_0), np.asarray(items_1)]


reco = pd.DataFrame(
    [(user, item, rank + 1) for user, items in enumerate(lists) for rank, item in enumerate(items)],
    columns=[Columns.User, Columns.Item, Columns.Rank],
)
history = pd.DataFrame(train, columns=[Columns.User, Columns.Item])
history[Columns.Datetime], history[Columns.Weight] = pd.Timestamp("2026-01-01"), 1.0
metrics = {}
for k in KS:
    metrics[f"novelty@{k}"] = MeanInvUserFreq(k=k)
    metrics[f"popularity@{k}"] = AvgRecPopularity(k=k)
    metrics[f"coverage@{k}"] = CatalogCoverage(k=k, normalize=True)
    if k > 1:
        metrics[f"diversity@{k}"] = IntraListDiversity(k=k, distance_calculator=Cosine())
values = calc_metrics(metrics, reco, prev_interactions=history, catalog=range(N_ITEMS))
fixture = {
    "source": f"rectools {importlib.metadata.version('rectools')}",
    "n_users": N_USERS, "n_items": N_ITEMS, "train": train, "lists": lists,
    "wanted": {name: float(value) for name, value in values.items()},
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
print(path, fixture["source"], fixture["wanted"])
