"""How much taste should count in search: known purchases of Online Retail, asked for by words of their names.

    bench/search/weights.py target/release/vitrina data/online_retail

Two shops: one knows the events before the last 8 weeks, the other those before the last 4. From the first, purchases of the 4 weeks that follow
choose the weights; from the second, purchases of the last 4 weeks tell what they are worth. A query is one or two words of the name of a bought
product, asked by the buyer as of the cut; the measure is the mean reciprocal rank of that product (0 beyond 200). The server tells the parts of
each score (explain), so that every pair of weights is judged on the same answers.
"""

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import pandas as pd

QUERIES = 1500
WEEKS = 4
GRID = [0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0]
ADDR = "127.0.0.1:7791"
ENV = os.environ | {
    "VITRINA__SHOP__CURRENCY": "GBP",
    "VITRINA__SHOP__TIME_ZONE": "Europe/London",
    "VITRINA__SHOP__LOCALE": "en-GB",
    "VITRINA__SERVER__ADDR": ADDR,
    # The answers' parts are then the shares themselves.
    "VITRINA__SEARCH__PERSONAL_WEIGHT": "1.0",
    "VITRINA__SEARCH__POPULAR_WEIGHT": "1.0",
}


def main():
    vitrina, data = sys.argv[1:]
    events = pd.read_parquet(f"{data}/online_retail.parquet")
    week = pd.Timedelta(weeks=WEEKS)
    end = events.InvoiceDate.max()
    choice = answers(vitrina, data, events, end - 2 * week, end - week)
    print(f"choosing on {len(choice)} queries; MRR by words alone {mrr(choice, 0, 0):.4f}")
    pairs = [(w, v) for w in GRID for v in GRID]
    table = {pair: mrr(choice, *pair) for pair in pairs}
    for w in GRID:
        print(f"  personal {w:4.2f}: " + " ".join(f"{table[w, v]:.4f}" for v in GRID))
    # Who buys again what they bought finds it anyway: weights shall serve those who look for something new, too.
    unseen = [answer for answer in choice if answer["new"]]
    new = {pair: mrr(unseen, *pair) for pair in pairs}
    print(f"of these, {len(unseen)} of products new to the buyer:")
    for w in GRID:
        print(f"  personal {w:4.2f}: " + " ".join(f"{new[w, v]:.4f}" for v in GRID))
    best = max(pairs, key=lambda pair: table[pair] + new[pair])
    alone = max(((0.0, v) for v in GRID), key=table.get)
    print(f"chosen: personal {best[0]}, popular {best[1]}; the best without taste: popular {alone[1]}")
    test = answers(vitrina, data, events, end - week, end)
    print(f"later purchases, {len(test)} queries:")
    for name, pair in [("words alone", (0, 0)), ("and popularity", alone), ("and taste", best)]:
        print(f"  {name:<15} MRR {mrr(test, *pair):.4f}   of products new to the buyer {mrr([a for a in test if a['new']], *pair):.4f}")


def answers(vitrina, data, events, cut, until):
    """What the shop as of `cut` answers to the buyers of the weeks until `until`."""
    with tempfile.TemporaryDirectory() as folder:
        run = lambda *arguments: subprocess.run([vitrina, *arguments, "--data", f"{folder}/shop"], env=ENV, check=True, stdout=subprocess.DEVNULL)
        # Histories fade as of now, so the cut has to be now.
        before = events[events.InvoiceDate < cut]
        shift = pd.Timestamp.now().floor("s") - cut
        before.assign(InvoiceDate=before.InvoiceDate + shift).to_parquet(f"{folder}/online_retail.parquet")
        run("import", "catalog", data, "--format", "online-retail")
        run("import", "events", f"{folder}/online_retail.parquet", "--format", "online-retail")
        run("train", "--model", "popular", "--model", "item-knn", "--model", "ials", "--model", "hybrid")
        server = subprocess.Popen([vitrina, "serve", "--data", f"{folder}/shop"], env=ENV, stderr=subprocess.DEVNULL)
        try:
            wait()
            return [answer for query in queries(events, cut, until) if (answer := ask(query))]
        finally:
            server.terminate()
            server.wait()


def queries(events, cut, until):
    rows = events.dropna(subset=["CustomerID", "Description"])
    rows = rows[(rows.Quantity > 0) & ~rows.InvoiceNo.str.startswith("C")]
    before = rows[rows.InvoiceDate < cut]
    had = set(zip(before.CustomerID, before.StockCode))
    known = rows[(rows.InvoiceDate >= cut) & (rows.InvoiceDate < until) & rows.CustomerID.isin(before.CustomerID)]
    known = known.drop_duplicates(["CustomerID", "StockCode"]).sort_values(["CustomerID", "StockCode"])
    dice = random.Random(42)
    for row in known.sample(frac=1, random_state=42).head(QUERIES).itertuples():
        words = [word for word in row.Description.lower().split() if word.isalpha() and len(word) >= 3]
        if words:
            picked = sorted(dice.sample(range(len(words)), min(len(words), dice.choice([1, 2]))))
            text = " ".join(words[at] for at in picked) + " "
            yield {"q": text, "user_id": str(int(row.CustomerID)), "product": row.StockCode, "new": (row.CustomerID, row.StockCode) not in had}


def ask(query):
    """The parts of the products found and which of them was bought; nothing where the text search does not have it."""
    items = []
    for offset in (0, 100):
        asked = {"q": query["q"], "user_id": query["user_id"], "n": 100, "offset": offset, "explain": "true", "preview": "true", "available": "false"}
        with urllib.request.urlopen(f"http://{ADDR}/v1/search?{urllib.parse.urlencode(asked)}") as answer:
            page = json.load(answer)["items"]
        items += page
        if len(page) < 100:
            break
    rows = []
    for item in items:
        text, personal, popular = (part["value"] for part in item["parts"])
        # A tier counts 1 + 1 + 1, the words within it 0 to 1.
        tier = math.floor(text / 3 + 1e-6)
        rows.append((tier, text - 3 * tier, personal, popular, item["product_id"] == query["product"]))
    return {"rows": rows, "new": query["new"]}


def mrr(answers, personal, popular):
    def reciprocal(rows):
        score = lambda row: (row[0], row[1] + personal * row[2] + popular * row[3])
        own = next((score(row) for row in rows if row[4]), None)
        if own is None:
            return 0.0
        above = sum(score(row) > own for row in rows)
        equal = sum(score(row) == own for row in rows) - 1
        return 1 / (1 + above + equal / 2)

    return sum(reciprocal(answer["rows"]) for answer in answers) / max(len(answers), 1)


def wait():
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://{ADDR}/readyz").close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not get ready")


if __name__ == "__main__":
    main()
