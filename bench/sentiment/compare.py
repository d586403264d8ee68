"""Sentiment figures: ours on the encoder and on TF-IDF (crates/text/examples/sentiment.rs), and what a scikit-learn user would write.

    python bench/sentiment/compare.py path/to/reviews_es --model target/text-model [--work DIR]

Draws the reviews (seeded), has the example judge them, then runs TfidfVectorizer + LogisticRegression on the same parts. Three figures, positive
against negative: product reviews with each category left out in turn, product reviews judged by what hotels and restaurants taught, hotels
judged by hotels. Penalties are chosen inside the training parts. Embeddings are kept in DIR, so that a second run takes seconds.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold

SEED = 42
TRAIN_HOTELS, TEST_HOTELS = 2_000, 1_000


def draw(folder):
    """One row a review: part, group (what is left out together), positive, text."""
    stars = pd.read_parquet(folder / "reviews_stars.parquet").dropna(subset=["text"])
    stars = stars[stars.stars != 3].drop_duplicates("text").sample(frac=1, random_state=SEED)
    stars["positive"] = stars.stars >= 4
    hotels, restaurants = (stars[stars.source == source] for source in ("cuba_hotels", "restaurants"))
    # The test as guests wrote them; the training with as many of each side.
    test, rest = hotels[:TEST_HOTELS], hotels[TEST_HOTELS:]
    balanced = lambda rows, n: rows.groupby("positive").head(n)
    train = balanced(rest, TRAIN_HOTELS // 2)
    restaurants = balanced(restaurants, int((~restaurants.positive).sum()))
    products = pd.read_csv(folder / "sfu_es_products.csv")
    products = products.assign(positive=products.label == "yes", source=products.category)
    parts = {"products": products, "hotels_train": train, "hotels_test": test, "restaurants": restaurants}
    rows = [frame.assign(part=part, group=frame.source)[["part", "group", "positive", "text"]] for part, frame in parts.items()]
    return pd.concat(rows, ignore_index=True)


def peer(train, test, groups):
    """TF-IDF of words and word pairs, C by cross-validation in the training part, group by group where there are groups."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, strip_accents="unicode")
    x = words.fit_transform(train.text)
    cv = list(LeaveOneGroupOut().split(x, groups=train.group)) if groups else StratifiedKFold(5, shuffle=True, random_state=SEED)
    head = LogisticRegressionCV(Cs=[0.1, 1, 10], class_weight="balanced", cv=cv, scoring="neg_log_loss", solver="liblinear", max_iter=1000)
    return head.fit(x, train.positive).predict(words.transform(test.text))


def interval(of, truth, predicted):
    """95 %, percentile bootstrap over reviews."""
    random = np.random.default_rng(SEED)
    draws = (random.integers(0, len(truth), len(truth)) for _ in range(1_000))
    low, high = np.percentile([of(truth[d], predicted[d]) for d in draws], [2.5, 97.5])
    return f"{of(truth, predicted):.3f} [{low:.3f}, {high:.3f}]"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("reviews", type=pathlib.Path)
    arguments.add_argument("--model", default="target/text-model")
    arguments.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/vitrina-sentiment"))
    arguments = arguments.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    reviews = draw(arguments.reviews)
    file = arguments.work / "reviews.jsonl"
    reviews.to_json(file, orient="records", lines=True, force_ascii=False)
    print({part: len(rows) for part, rows in reviews.groupby("part")})

    example = ["cargo", "run", "--release", "-q", "-p", "text", "--example", "sentiment", "--"]
    ours = subprocess.run([*example, file, arguments.model, arguments.work / "cache"], stdout=subprocess.PIPE, check=True)
    figures = [json.loads(line) for line in ours.stdout.splitlines()]

    part = lambda *names: reviews[reviews.part.isin(names)].reset_index(drop=True)
    products, guests = part("products"), part("hotels_train", "restaurants")
    left_out = pd.Series(False, index=products.index)
    for group in products.group.unique():
        test = products.group == group
        left_out[test] = peer(products[~test], products[test], groups=True)
    predicted = {
        "products, category left out": left_out.to_numpy(),
        "products by hotels and restaurants": peer(guests, products, groups=True),
        "hotels": peer(part("hotels_train"), part("hotels_test"), groups=False),
    }
    figures += [{"task": task, "by": "scikit-learn TF-IDF", "predicted": p.tolist()} for task, p in predicted.items()]
    print(f"{'task':<36}{'by':<34}{'accuracy':<24}{'macro-F1':<24}{'Brier':<8}{'ECE':<8}")
    macro_f1 = lambda truth, predicted: f1_score(truth, predicted, average="macro")
    for task in predicted:
        truth = (part("hotels_test") if task == "hotels" else products).positive.to_numpy()
        for figure in (figure for figure in figures if figure["task"] == task):
            guess = np.array(figure["predicted"])
            row = f"{task:<36}{figure['by']:<34}{interval(accuracy_score, truth, guess):<24}{interval(macro_f1, truth, guess):<24}"
            print(row + "".join(f"{figure[name]:<8.3f}" for name in ("brier", "ece") if name in figure))


if __name__ == "__main__":
    main()
