"""Measures the rows of table.toml with `vitrina evaluate` and writes docs/quality.md's tables between their markers.

Results are kept in target/quality, one JSON report and one run (for `vitrina compare`) per row, so that a table can be
finished in several sittings; --fresh measures again. A row without a result stays out of the table.
"""
import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
VITRINA = ROOT / "target" / "release" / "vitrina"


def slug(data, row):
    return re.sub(r"[^a-z0-9]+", "-", f"{data['name']}-{row.get('title', row['model'])}".lower()).strip("-")


def command(data, row, folder):
    """What a reader types, and what is run; only the folder of the data differs."""
    ks = ",".join(sorted({metric.split("@")[1] for metric in data["metrics"]}, key=int))
    words = ["evaluate", "--data", f"{folder}/{data['path']}", "--format", data["format"], "--split", data["split"]]
    words += ["--model", row["model"], "--k", ks, *row.get("args", []), *data.get("args", [])]
    return words + [word for pair in row.get("set", []) for word in ("--set", pair)]


def measure(data, row, folder, results):
    name = slug(data, row)
    report, run = results / f"{name}.json", results / f"{name}.run"
    words = command(data, row, folder)
    print("vitrina", shlex.join(words), file=sys.stderr)
    subprocess.run([VITRINA, *words, "--runs-out", run, "--json", report], check=True, stdout=subprocess.DEVNULL)


def cell(report, metric):
    low, high = report["ci95"][metric]
    return f"{report['metrics'][metric]:.4f} ({low:.4f}–{high:.4f})"


def table(data, results):
    reports = [(row, results / f"{slug(data, row)}.json") for row in data["rows"]]
    measured = [(row, json.loads(path.read_text())) for row, path in reports if path.exists()]
    lines = [f"| model | {' | '.join(data['metrics'])} | fit s | peak MB | command |", "|---" * (len(data["metrics"]) + 4) + "|"]
    for row, report in measured:
        cells = [cell(report, metric) for metric in data["metrics"]]
        words = "vitrina " + shlex.join(command(data, row, "DATA"))
        seconds, memory = f"{report['fit_seconds']:.1f}", f"{report['peak_rss_bytes'] / 1e6:.0f}"
        lines.append(f"| {' | '.join([row.get('title', row['model']), *cells, seconds, memory, f'`{words}`'])} |")
    for name, *values in data["published"]:
        lines.append(f"| {' | '.join([f'*{name}*', *(f'{value:.4f}' for value in values), '', '', 'published'])} |")
    return "\n".join(lines)


def written(text, data, results):
    """The page with the data set's table in its place; a data set that has none gets a section at the end."""
    start, end = f"<!-- quality:{data['name']} -->", f"<!-- /quality:{data['name']} -->"
    if start not in text:
        text = f"{text.rstrip()}\n\n## {data['title']}\n\n{start}\n{end}\n"
    head, rest = text.split(start, 1)
    _, tail = rest.split(end, 1)
    return f"{head}{start}\n{table(data, results)}\n{end}{tail}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data", help="folder of the data sets")
    parser.add_argument("--table", type=pathlib.Path, default=ROOT / "bench/quality/table.toml")
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs/quality.md")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "target/quality")
    parser.add_argument("--only", default="", help="DATA or DATA/MODEL")
    parser.add_argument("--fresh", action="store_true", help="measure rows that have a result too")
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    only_data, _, only_model = args.only.partition("/")
    for data in tomllib.loads(args.table.read_text())["data"]:
        if only_data not in ("", data["name"]):
            continue
        for row in data["rows"]:
            if only_model not in ("", row["model"]):
                continue
            if args.dry_run:
                print("vitrina", shlex.join(command(data, row, args.data)))
            elif args.fresh or not (args.results / f"{slug(data, row)}.json").exists():
                measure(data, row, args.data, args.results)
        if not args.dry_run and any((args.results / f"{slug(data, row)}.json").exists() for row in data["rows"]):
            args.page.write_text(written(args.page.read_text(), data, args.results))


if __name__ == "__main__":
    main()
