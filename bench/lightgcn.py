"""Data and measures that the comparisons with Python libraries share: the split of the LightGCN repository, and the
protocol of docs/quality.md, on its first users where a peer is slow."""
import json
import pathlib
import subprocess

import numpy as np
import scipy.sparse as sp


def read(folder):
    """Train and test as users × products of ones."""
    cells = []
    for name in ("train.txt", "test.txt"):
        users, items = [], []
        for line in open(pathlib.Path(folder) / name):
            user, *row = map(int, line.split())
            users += [user] * len(row)
            items += row
        cells.append((np.array(users), np.array(items)))
    shape = tuple(max(part[axis].max() for part in cells) + 1 for axis in (0, 1))
    return [sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape) for users, items in cells]


def ndcg_at_20(score, train, test, n_users=None):
    """Full ranking without the user's train items, ideal DCG with min(20, |test|); `score` takes numbers of users."""
    users = np.flatnonzero(np.diff(test.indptr))[:n_users]
    discounts = 1 / np.log2(np.arange(20) + 2)
    values = []
    for some in np.array_split(users, len(users) // 500 + 1):
        scores = np.array(score(some))
        scores[train[some].nonzero()] = -np.inf
        top = np.argpartition(-scores, 20, axis=1)[:, :20]
        top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), axis=1), 1)
        for user, ranking in zip(some, top):
            wanted = test.indices[test.indptr[user]:test.indptr[user + 1]]
            values.append((np.isin(ranking, wanted) * discounts).sum() / discounts[:min(20, len(wanted))].sum())
    return float(np.mean(values))


def run_vitrina(binary, folder, model, *options):
    """One fit by `fit_bench`."""
    return json.loads(subprocess.check_output([binary, folder, "1", model, *options]))
