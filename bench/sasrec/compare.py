"""A SASRec training step of Vitrina and of PyTorch on the CPU.

Both run in turns (A B A B …) with the same number of threads, so that whatever else the machine does hits both alike;
compare medians and ratios, not seconds. The same network and step: batches of 128 sequences of 50 products out of 40,000, 64 numbers a
product, two blocks of causal attention with two heads, dropout, a softmax over the wanted product and 256 sampled ones,
forward, backward and Adam. PyTorch has its fast paths: fused attention and the fused Adam. It draws its 256 products once for the
whole batch, Vitrina for each shard of some 500 products. Vitrina's Adam leaves rows alone that the batch does not touch.

    python bench/sasrec/compare.py --rounds 5
"""
import argparse
import json
import os
import statistics
import subprocess
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--binary", default="target/release/examples/sasrec_bench")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
args = parser.parse_args()
os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(args.threads)
# Waiting threads sleep instead of spinning: otherwise CPU time says nothing.
os.environ["OMP_WAIT_POLICY"] = "passive"

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(args.threads)
BATCH, LENGTH, WIDTH, HEADS, ITEMS, NEGATIVES, DROPOUT = 128, 50, 64, 2, 40_000, 256, 0.3
STEPS, WARM = 23, 3


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before_attention, self.before_inner = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.attended = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.inner, self.outer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        heads = lambda t: t.view(BATCH, LENGTH, HEADS, WIDTH // HEADS).transpose(1, 2)
        q, k, v = map(heads, self.qkv(self.before_attention(x)).chunk(3, -1))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(BATCH, LENGTH, WIDTH)
        x = x + F.dropout(self.attended(attended), DROPOUT)
        return x + F.dropout(self.outer(F.gelu(self.inner(self.before_inner(x)), approximate="tanh")), DROPOUT)


class SasRec(nn.Module):
    def __init__(self):
        super().__init__()
        self.items, self.positions = nn.Embedding(ITEMS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks, self.norm = nn.Sequential(Block(), Block()), nn.LayerNorm(WIDTH)

    def loss(self, read, wanted, negatives):
        x = F.dropout(self.items(read), DROPOUT) + self.positions(torch.arange(LENGTH))
        known = self.norm(self.blocks(x)).view(-1, WIDTH)
        positive = (known * self.items(wanted.view(-1))).sum(-1, keepdim=True)
        negative = known @ self.items(negatives).T
        return F.cross_entropy(torch.cat([positive, negative], 1), torch.zeros(BATCH * LENGTH, dtype=torch.long))


def run_torch():
    model = SasRec()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98), fused=True)
    read, wanted = torch.randint(0, ITEMS, (2, BATCH, LENGTH))
    ends = [(time.perf_counter(), time.process_time())]
    for _ in range(STEPS):
        adam.zero_grad()
        model.loss(read, wanted, torch.randint(0, ITEMS, (NEGATIVES,))).backward()
        adam.step()
        ends.append((time.perf_counter(), time.process_time()))
    warm = ends[WARM:]
    seconds = [after[0] - before[0] for before, after in zip(warm, warm[1:])]
    return {"step_seconds": seconds, "cpu_seconds": (warm[-1][1] - warm[0][1]) / len(seconds)}


runs = {"vitrina": lambda: json.loads(subprocess.check_output([args.binary])), "torch": run_torch}
seconds, cpu = {name: [] for name in runs}, {name: [] for name in runs}
print(f"{time.strftime('%Y-%m-%d')}  load {os.getloadavg()[0]:.1f}  {args.threads} threads  torch {torch.__version__}")
for _ in range(args.rounds):
    for name, run in runs.items():
        result = run()
        seconds[name] += result["step_seconds"]
        cpu[name].append(result["cpu_seconds"])
for name in runs:
    wall, busy = statistics.median(seconds[name]), statistics.median(cpu[name])
    ratios = wall / statistics.median(seconds["vitrina"]), busy / statistics.median(cpu["vitrina"])
    print(
        f"{name:8} wall {wall * 1e3:7.1f} ms/step ({ratios[0]:.2f} × ours), fastest {min(seconds[name]) * 1e3:6.1f} ms"
        f"   CPU {busy * 1e3:6.1f} ms/step ({ratios[1]:.2f} × ours)"
    )
