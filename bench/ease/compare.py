"""EASE: time of a fit of Vitrina and of NumPy/SciPy with OpenBLAS, and NDCG@20 of both.

Both run in turns (A B A B …) with two threads each, so that whatever else the machine does hits both alike; compare
medians and ratios, not seconds. Both compute B from the same X and λ; SciPy by Cholesky (`potrf`, `potri`) in f32 and in
place, NumPy by `inv` (LU) in f32 as in the paper's listing. `--items` keeps the most popular products only.

    python bench/ease/compare.py --data DATA/gowalla --items 8000 --rounds 3
"""
import argparse
import os
import pathlib
import sys
import tempfile
import time

os.environ["OPENBLAS_NUM_THREADS"] = "2"
os.environ["RAYON_NUM_THREADS"] = "2"
sys.path.append(str(pathlib.Path(__file__).parent.parent))

import numpy as np
import scipy.linalg

from lightgcn import ndcg_at_20, read, run_vitrina, show, timed


def weights(inverse):
    """B from P, in place."""
    inverse /= -np.diag(inverse)
    np.fill_diagonal(inverse, 0)
    return inverse


def gram(x, regularization):
    g = (x.T @ x).toarray()
    g[np.diag_indices_from(g)] += regularization
    return g


def numpy_fit(x, regularization):
    return weights(np.linalg.inv(gram(x, regularization)))


def scipy_fit(x, regularization):
    # The transpose of a symmetric matrix is itself, in the order that LAPACK overwrites.
    factor, info = scipy.linalg.lapack.spotrf(gram(x, regularization).T, lower=True, overwrite_a=True)
    inverse, info = scipy.linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
    lower = np.tril(inverse, -1)
    inverse = np.tril(inverse) + lower.T
    return weights(inverse)


def write(folder, train, test):
    for name, matrix in (("train.txt", train), ("test.txt", test)):
        with open(pathlib.Path(folder) / name, "w") as out:
            for user in range(matrix.shape[0]):
                row = matrix.indices[matrix.indptr[user]:matrix.indptr[user + 1]]
                if len(row):
                    print(user, *row, file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--binary", default="target/release/examples/fit_bench")
    parser.add_argument("--items", type=int, default=8000)
    parser.add_argument("--regularization", type=float, default=200.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    train, test = read(args.data)
    popular = np.argsort(-np.asarray(train.sum(0)).ravel(), kind="stable")[:args.items]
    train, test = train[:, popular], test[:, popular]
    with tempfile.TemporaryDirectory() as folder:
        write(folder, train, test)
        peers = {"scipy potri": scipy_fit, "numpy inv": numpy_fit}
        for fit in peers.values():
            fit(train[:, :64], args.regularization)  # loads what Python loads late, starts the threads
        results = {"vitrina": []} | {name: [] for name in peers}
        for seed in range(args.rounds):
            run = run_vitrina(
                args.binary, folder, seed, "ease", regularization=args.regularization, neighbours=100_000,
                max_items=50_000, weighting="binary",
            )
            results["vitrina"].append(run | run["fit"])
            for name, fit in peers.items():
                b, times = timed(lambda: fit(train, args.regularization))
                quality = results[name][0]["ndcg@20"] if seed else ndcg_at_20(lambda users: train[users] @ b, train, test)
                del b
                results[name].append(times | {"ndcg@20": quality})

    print(f"{time.strftime('%Y-%m-%d')}  load {os.getloadavg()[0]:.1f}  {args.items} products, λ {args.regularization}")
    show(f"{args.items} products", results)


main()
