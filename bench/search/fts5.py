"""SQLite FTS5, the full-text search that is everywhere, over the same catalogue and queries: time of each query, one by one, in the process.

    bench/search/fts5.py PRODUCTS.jsonl QUERIES.txt

It folds accents, ranks by BM25 (title 3, category 1.5), asks for all words and completes the last. It has no typos, no Spanish stems, no taste
and no HTTP, so its figure stands beside `alone_took_ms_*` of `search-load --queries-out QUERIES.txt`, which has the first three.
"""

import json
import re
import sqlite3
import sys
import time

products, queries = sys.argv[1:]
rows = [json.loads(line) for line in open(products, encoding="utf-8")]
db = sqlite3.connect(":memory:")
db.execute("CREATE VIRTUAL TABLE products USING fts5(title, category, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')")
started = time.perf_counter()
db.executemany("INSERT INTO products VALUES (?, ?)", ((row["title"], row["category"]) for row in rows))
db.execute("INSERT INTO products(products) VALUES ('optimize')")
print(f"SQLite {sqlite3.sqlite_version}: {len(rows)} products indexed in {time.perf_counter() - started:.1f} s")

took, empty = [], 0
for query in open(queries, encoding="utf-8").read().split("\n")[:1000]:
    words = re.findall(r"\w+", query)
    match = " AND ".join(f'"{word}"' for word in words) + "*"
    started = time.perf_counter()
    found = db.execute("SELECT rowid FROM products WHERE products MATCH ? ORDER BY bm25(products, 3.0, 1.5) LIMIT 10", (match,)).fetchall()
    took.append((time.perf_counter() - started) * 1e3)
    empty += not found
took.sort()
print(f"{len(took)} queries: p50 {took[len(took) // 2]:.3f} ms, p99 {took[int(len(took) * 0.99)]:.3f} ms, {empty} found nothing")
