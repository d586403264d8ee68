#!/usr/bin/env python3
"""Texts per second of Vitrina's encoder and of sentence-transformers on the CPU: same weights, texts, threads, in turns.

    cargo build --release -p text --example encode
    bench/text/compare.py MODEL_FOLDER TEXTS.json [--threads 2] [--rounds 3]

TEXTS.json is a list of texts. Both cut at 128 tokens, batch by length, and put "query: " before each text. Loading is not counted; both
encode 64 texts first. CPU time is of all threads: on a busy machine it is the figure to compare. Needs sentence-transformers and numpy.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("texts", type=pathlib.Path)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--binary", default="target/release/examples/encode")
args = parser.parse_args()

import torch
from sentence_transformers import SentenceTransformer, models

torch.set_num_threads(args.threads)
texts = json.loads(args.texts.read_text())

# sentence-transformers wants to be told how to load tokenizer.json.
folder = pathlib.Path(tempfile.mkdtemp())
for file in ("config.json", "tokenizer.json", "model.safetensors"):
    (folder / file).symlink_to((args.model / file).resolve())
tokens = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **tokens}))
words = models.Transformer(str(folder), max_seq_length=128, model_args={"dtype": torch.float32})
pooling = models.Pooling(words.get_embedding_dimension(), "mean")
reference = SentenceTransformer(modules=[words, pooling, models.Normalize()], device="cpu")
prefixed = ["query: " + text for text in texts]
reference.encode(prefixed[:64], batch_size=32)


def run_reference():
    wall, cpu = time.perf_counter(), time.process_time()
    reference.encode(prefixed, batch_size=32)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def run_vitrina(precision):
    command = [args.binary, args.model, args.texts, precision, str(args.threads)]
    return json.loads(subprocess.check_output(command))


runs = {
    "sentence-transformers": run_reference,
    "vitrina f32": lambda: run_vitrina("f32"),
    "vitrina int8": lambda: run_vitrina("int8"),
}
print(f"{time.strftime('%Y-%m-%d')}  load {os.getloadavg()[0]:.1f}  {args.threads} threads  torch {torch.__version__}  {len(texts)} texts")
figures = {name: [] for name in runs}
for _ in range(args.rounds):
    for name, run in runs.items():
        figures[name].append(run())
median = lambda values: sorted(values)[len(values) // 2]
base = {key: median([run[key] for run in figures["sentence-transformers"]]) for key in ("wall_s", "cpu_s")}
for name, measured in figures.items():
    wall, cpu = (median([run[key] for run in measured]) for key in ("wall_s", "cpu_s"))
    print(
        f"{name:<22} {len(texts) / wall:7.1f} texts/s wall ({base['wall_s'] / wall:.2f} ×)"
        f"  {len(texts) / cpu:7.1f} texts a CPU second ({base['cpu_s'] / cpu:.2f} ×)"
    )
