"""Data and measures that the comparisons with Python libraries share: the split of the LightGCN repository, and the
protocol of docs/quality.md."""
import json
import pathlib
import statistics
import subprocess
import time

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


def ndcg_at_20(score, train, test):
    """Full ranking without the user's train items, ideal DCG with min(20, |test|); `score` takes numbers of users."""
    users = np.flatnonzero(np.diff(test.indptr))
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


def run_vitrina(binary, folder, seed, model, **options):
    """One fit by `fit_bench`."""
    pairs = [f"{key}={value}" for key, value in options.items()]
    return json.loads(subprocess.check_output([str(part) for part in (binary, folder, seed, model, *pairs)]))


def timed(fit):
    """What a fit returns, and its seconds on the clock and of all cores."""
    start = time.perf_counter(), time.process_time()
    fitted = fit()
    return fitted, {"wall": time.perf_counter() - start[0], "cpu": time.process_time() - start[1]}


def show(title, results, unit="fit"):
    """Medians of each side, `results` being by name lists of {wall, cpu, ndcg@20}; Vitrina's runs come first."""
    first = next(iter(results))
    of = lambda name, key: statistics.median(np.concatenate([np.atleast_1d(run[key]) for run in results[name]]))
    for name, runs in results.items():
        wall, cpu = of(name, "wall"), of(name, "cpu")
        peaks = [run["peak_mib"] for run in runs if "peak_mib" in run]
        print(
            f"{title}  {name:14} wall {wall:7.3f} s/{unit} ({wall / of(first, 'wall'):5.2f} × ours)"
            f"  CPU {cpu:7.3f} s ({cpu / of(first, 'cpu'):5.2f} × ours)"
            f"  NDCG@20 {np.mean([run['ndcg@20'] for run in runs]):.4f}" + (f"  peak {max(peaks):.0f} MiB" if peaks else ""),
            flush=True,
        )
