"""Item-kNN: time of a fit of Vitrina and of `implicit`, and NDCG@20 of both.

Both run in turns (A B A B …) with two threads each, so that whatever else the machine does hits both alike; compare
medians and ratios, not seconds. The same similarities: the cosine, TF-IDF and BM25 of `implicit`, whose lists include
the product itself (hence one neighbour more).

    python bench/item_knn/compare.py --data DATA/gowalla --neighbours 200 --rounds 3
"""
import argparse
import os
import pathlib
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["RAYON_NUM_THREADS"] = "2"
sys.path.append(str(pathlib.Path(__file__).parent.parent))

from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

from lightgcn import ndcg_at_20, read, run_vitrina, show, timed

SIMILARITIES = {
    "cosine": (CosineRecommender, {"weighting": "weights", "similarity": "cosine", "popularity_power": 0.5}),
    "tf-idf": (TFIDFRecommender, {"weighting": "tf-idf", "similarity": "cosine", "popularity_power": 0.5}),
    "bm25": (BM25Recommender, {"weighting": "bm25", "similarity": "dot"}),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--binary", default="target/release/examples/fit_bench")
    parser.add_argument("--neighbours", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--similarities", nargs="+", choices=SIMILARITIES, default=list(SIMILARITIES))
    args = parser.parse_args()

    train, test = read(args.data)
    print(f"{time.strftime('%Y-%m-%d')}  load {os.getloadavg()[0]:.1f}  {args.neighbours} neighbours")
    for name in args.similarities:
        recommender, options = SIMILARITIES[name]
        results = {"vitrina": [], "implicit": []}
        for seed in range(args.rounds):
            run = run_vitrina(
                args.binary, args.data, seed, "item-knn", neighbours=args.neighbours, user_power=0, support=0, **options
            )
            results["vitrina"].append(run | run["fit"])
            model = recommender(K=args.neighbours + 1, num_threads=2)
            _, times = timed(lambda: model.fit(train, show_progress=False))
            if seed == 0:
                quality = ndcg_at_20(lambda users: (train[users] @ model.similarity).toarray(), train, test)
            results["implicit"].append(times | {"ndcg@20": quality})
        show(f"{name:7}", results)


main()
