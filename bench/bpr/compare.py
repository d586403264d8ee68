"""BPR: time per epoch and NDCG@20 of Vitrina and of `implicit`, on the Gowalla split.

Both run in turns (A B A B …) with two threads each, so that whatever else the machine does hits both alike; compare
medians and ratios, not seconds. Same factors; an epoch is as many samples as there are interactions on both sides.
`implicit` draws negatives by popularity and steps at a constant rate; Vitrina draws all products alike and steps by
AdaGrad. Each side has its own rate and regularization; users are judged from their own rows in `implicit`, and
folded in from their histories in Vitrina.

    python bench/bpr/compare.py --data DATA/gowalla --factors 64 --rounds 3
"""
import argparse
import os
import pathlib
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["RAYON_NUM_THREADS"] = "2"

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from lightgcn import ndcg_at_20, read, run_vitrina, show


def run_implicit(train, test, args, factors, seed):
    model = BayesianPersonalizedRanking(
        factors=factors, learning_rate=args.implicit_rate, regularization=args.implicit_regularization,
        iterations=args.epochs, num_threads=2, random_state=seed,
    )
    wall, cpu = [], []

    def callback(*_):
        wall.append(time.perf_counter())
        cpu.append(time.process_time())

    model.fit(train, show_progress=False, callback=callback)
    # Iteration 1 would also count the conversions before it.
    ndcg = ndcg_at_20(lambda users: model.user_factors[users] @ model.item_factors.T, train, test)
    return {"wall": np.diff(wall), "cpu": np.diff(cpu), "ndcg@20": ndcg}


def run_ours(args, factors, seed):
    run = run_vitrina(
        args.binary, args.data, seed, "bpr", factors=factors, epochs=args.epochs, patience=0, learning_rate=args.rate,
        regularization=args.regularization,
    )
    # As above: epoch 1 would also count what comes before it.
    return run | {"wall": run["step_seconds"][1:], "cpu": run["step_cpu_seconds"][1:]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--binary", default="target/release/examples/fit_bench")
    parser.add_argument("--factors", type=int, nargs="+", default=[64])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--regularization", type=float, default=0.02)
    parser.add_argument("--implicit-rate", type=float, default=0.01)
    parser.add_argument("--implicit-regularization", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    train, test = read(args.data)
    print(f"{time.strftime('%Y-%m-%d')}  load {os.getloadavg()[0]:.1f}  {args.epochs} epochs")
    for factors in args.factors:
        runs = {
            "vitrina": lambda seed: run_ours(args, factors, seed),
            "implicit": lambda seed: run_implicit(train, test, args, factors, seed),
        }
        results = {name: [] for name in runs}
        for seed in range(args.rounds):
            for name, run in runs.items():
                results[name].append(run(seed))
        show(f"{factors:5} factors", results, "epoch")


main()
