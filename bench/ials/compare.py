"""iALS: time per iteration and NDCG@20 of Vitrina and of `implicit`, on the Gowalla split.

Both run in turns (A B A B …) with two threads each, so that whatever else the machine does hits both alike; compare
medians and ratios, not seconds. Same factors, iterations, confidence and regularization:

    implicit   min Σ c (p - x'y)² + λ (Σ|x|² + Σ|y|²),     c = 1 + 1/α on observed pairs, 1 elsewhere
    Vitrina    the same divided by 1/α: observed pairs weigh 1 more than the unobserved α, regularization α λ

    python bench/ials/compare.py --data DATA/gowalla --factors 64 256 --rounds 3
"""
import argparse
import os
import pathlib
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["RAYON_NUM_THREADS"] = "2"

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from lightgcn import ndcg_at_20, read, run_vitrina, show


def run_implicit(train, test, args, factors, use_cg, seed):
    model = AlternatingLeastSquares(
        factors=factors, regularization=args.regularization, alpha=1 + 1 / args.alpha, iterations=args.epochs,
        use_cg=use_cg, num_threads=2, random_state=seed,
    )
    # The elapsed time that implicit hands to a callback is that of the iteration alone.
    seconds, cpu = [], [time.process_time()]

    def callback(iteration, elapsed, loss):
        seconds.append(elapsed)
        cpu.append(time.process_time())

    model.fit(train, show_progress=False, callback=callback)
    # Iteration 1 would also count the conversions before it.
    ndcg = ndcg_at_20(lambda users: model.user_factors[users] @ model.item_factors.T, train, test)
    return {"wall": seconds[1:], "cpu": np.diff(cpu)[1:], "ndcg@20": ndcg}


def run_ours(args, factors, seed, steps):
    run = run_vitrina(
        args.binary, args.data, seed, "ials", factors=factors, epochs=args.epochs, alpha=args.alpha,
        regularization=args.alpha * args.regularization, regularization_power=0, steps=steps,
    )
    return run | {"wall": run["step_seconds"][1:], "cpu": run["step_cpu_seconds"][1:]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--binary", default="target/release/examples/fit_bench")
    parser.add_argument("--factors", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--alpha", type=float, default=0.025)
    parser.add_argument("--regularization", type=float, default=10.0, help="λ in implicit's scale")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--solvers", nargs="+", default=["cg", "exact"], choices=["cg", "exact"])
    args = parser.parse_args()

    train, test = read(args.data)
    print(f"{time.strftime('%Y-%m-%d')}  load {os.getloadavg()[0]:.1f}  {args.epochs} iterations, alpha {args.alpha}, λ {args.regularization}")
    for factors in args.factors:
        runs = {
            "vitrina": lambda seed: run_ours(args, factors, seed, 3),
            "vitrina exact": lambda seed: run_ours(args, factors, seed, 0),
        }
        for solver in args.solvers:
            runs[f"implicit {solver}"] = lambda seed, solver=solver: run_implicit(train, test, args, factors, solver == "cg", seed)
        results = {name: [] for name in runs}
        for seed in range(args.rounds):
            for name, run in runs.items():
                results[name].append(run(seed))
        show(f"{factors:5} factors", results, "iteration")


main()
