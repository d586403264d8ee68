#!/usr/bin/env python3
"""Complete Journey as lines: `lines.py DATA FOLDER` writes products.jsonl and purchases.csv.

Lines of quantity 0 are returns and notes of the till: left out, as `vitrina import` does. A purchase is user, row of products.jsonl (from 0),
seconds since the epoch. Products stand in a drawn order, so that a tenth of the lines is a tenth at random: the first is the test's, the
second is what options were chosen on.
"""
import json
import pathlib
import sys

import numpy
import pandas

data, folder = map(pathlib.Path, sys.argv[1:3])
lines = pandas.read_parquet(data / "transactions.parquet", columns=["household_id", "product_id", "quantity", "transaction_timestamp"])
lines = lines[lines.quantity > 0].sort_values(["household_id", "transaction_timestamp"], kind="stable")
bought = numpy.random.default_rng(7).permutation(numpy.sort(lines.product_id.unique()))
products = pandas.read_parquet(data / "products.parquet").set_index("product_id").reindex(bought)
products = products.astype(object).where(products.notna(), None)

with open(folder / "products.jsonl", "w") as out:
    for row in products.itertuples():
        categories = [level for level in (row.department, row.product_category, row.product_type) if level]
        manufacturer = None if row.manufacturer_id is None else str(int(row.manufacturer_id))
        product = {"categories": categories, "brand": row.brand, "manufacturer": manufacturer, "size": row.package_size}
        out.write(json.dumps(product) + "\n")

number = {product: row for row, product in enumerate(bought)}
lines["product"] = lines.product_id.map(number)
lines["seconds"] = lines.transaction_timestamp.astype("datetime64[s]").astype("int64")
lines["user"] = lines.household_id.rank(method="dense").astype(int) - 1
lines[["user", "product", "seconds"]].to_csv(folder / "purchases.csv", index=False, header=False)
