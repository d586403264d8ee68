"""Two shops as tables for the onboarding bench: who bought what when, and the products' categories.

    python bench/onboarding/prepare.py online-retail data/online_retail OUT
    python bench/onboarding/prepare.py complete-journey path/to/completejourney OUT

OUT/events.csv: user_id,item_id,event_type,timestamp. OUT/categories.csv: item_id,category (header alone where there are none).
Needs pandas and pyarrow.
"""

import sys
from pathlib import Path

import pandas as pd


def online_retail(folder: Path):
    """No categories; no returns, no lines without a customer, no codes that are not products."""
    lines = pd.read_parquet(folder / "online_retail.parquet")
    code = lines.StockCode.astype(str).str.strip().str.upper()
    is_product = code.str.match(r"\d{5}") | code.str.startswith("DCGS")
    lines = lines.assign(item_id=code)[is_product & (lines.Quantity > 0) & lines.CustomerID.notna()]
    events = pd.DataFrame(
        {
            "user_id": lines.CustomerID.astype(int),
            "item_id": lines.item_id,
            "timestamp": pd.to_datetime(lines.InvoiceDate).astype("datetime64[s]").astype("int64"),
        }
    )
    return events, pd.DataFrame({"item_id": [], "category": []})


def complete_journey(folder: Path):
    lines = pd.read_parquet(folder / "transactions.parquet")
    products = pd.read_parquet(folder / "products.parquet")
    events = pd.DataFrame(
        {
            "user_id": lines.household_id.astype(str),
            "item_id": lines.product_id.astype(str),
            "timestamp": pd.to_datetime(lines.transaction_timestamp).dt.tz_localize(None).astype("datetime64[s]").astype("int64"),
        }
    )
    products = products[products.product_category.notna()]
    return events, pd.DataFrame({"item_id": products.product_id.astype(str), "category": products.product_category})


def main():
    name, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    events, categories = {"online-retail": online_retail, "complete-journey": complete_journey}[name](folder)
    out.mkdir(parents=True, exist_ok=True)
    first = events.sort_values("timestamp", kind="stable").drop_duplicates(["user_id", "item_id"])
    first.assign(event_type="purchase")[["user_id", "item_id", "event_type", "timestamp"]].to_csv(out / "events.csv", index=False)
    categories.to_csv(out / "categories.csv", index=False)


main()
