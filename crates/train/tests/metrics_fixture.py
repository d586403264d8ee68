"""Writes metrics_fixture.json: random rankings judged by ranx, as a second source for our metrics.

    pip install ranx==0.3.21 && python crates/train/tests/metrics_fixture.py

ranx divides average precision by the number of relevant products; we divide by min(k, that number), as Spark does, so
the script rescales each case.
"""
import json
import pathlib
import random

from ranx import Qrels, Run, evaluate

KS = [1, 5, 20]
random.seed(20)
cases = []
for _ in range(40):
    n_items = 60
    ranking = random.sample(range(n_items), random.choice([20, 20, 20, 7]))
    relevant = sorted(random.sample(range(n_items), random.choice([1, 2, 5, 12, 30])))
    cases.append({"ranking": ranking, "relevant": relevant})

for case in cases:
    qrels = Qrels({"q": {str(i): 1 for i in case["relevant"]}})
    run = Run({"q": {str(i): float(len(case["ranking"]) - r) for r, i in enumerate(case["ranking"])}})
    case["wanted"] = {}
    for k in KS:
        names = {"recall": "recall", "ndcg": "ndcg", "precision": "precision", "hit_rate": "hit_rate", "mrr": "mrr", "map": "map", "f1": "f1"}
        values = evaluate(qrels, run, [f"{theirs}@{k}" for theirs in names.values()], make_comparable=True)
        wanted = {ours: float(values[f"{theirs}@{k}"]) for ours, theirs in names.items()}
        wanted["map"] *= len(case["relevant"]) / min(k, len(case["relevant"]))
        case["wanted"][str(k)] = wanted

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"source": "ranx 0.3.21", "cases": cases}, separators=(",", ":")) + "\n")
print(path, len(cases), "cases")
