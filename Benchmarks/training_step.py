"""A training step of walsh beside the same step in PyTorch, in alternating rounds of one run.

    python3 Benchmarks/training_step.py [--walsh PATH] [--recipes fp32 nvfp4 …] [--width 256] [--rounds 7] [--output FILE.json]

The model is a Llama with tied embeddings: 4 layers, heads of 64, a feed-forward network of 11/4 of the width, 512 tokens,
8 windows of 256 tokens; both sides use AdamW and clip gradients. A round takes the median of six steps of each side after
two that do not count; the table has the medians of the rounds and of their ratios. Without PyTorch the first recipe is the
measure.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

from machine import processor

LAYERS, HEAD, VOCABULARY, CONTEXT, BATCH = 4, 64, 512, 256, 8
STEPS, WARM = 8, 2


def intermediate(width):
    return width * 11 // 4


def walsh_round(options, recipe, text):
    with tempfile.TemporaryDirectory() as folder:
        command = [
            options.walsh, "train", "--layers", LAYERS, "--width", options.width, "--heads", options.width // HEAD,
            "--key-heads", options.width // HEAD, "--intermediate", intermediate(options.width), "--vocabulary", VOCABULARY,
            "--text", text, "--steps", STEPS, "--batch", BATCH, "--context", CONTEXT, "--log-interval", 1,
            "--recipe", recipe, "--threads", options.threads, "--output", os.path.join(folder, "model"), "--json", "--quiet",
        ]  # fmt: skip
        lines = subprocess.run([str(x) for x in command], check=True, capture_output=True, text=True).stdout.splitlines()
    rates = [json.loads(line)["tokensPerSecond"] for line in lines][WARM:STEPS]
    return statistics.median(BATCH * CONTEXT / rate for rate in rates)


def torch_step(options):
    """A function that makes one step, or None without PyTorch."""
    try:
        import torch
        import torch.nn.functional as F
        from torch import nn
    except ImportError:
        return None
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    width, heads = options.width, options.width // HEAD

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))

        def forward(self, x):
            return F.rms_norm(x, (width,), self.weight, 1e-5)

    angles = torch.arange(CONTEXT)[:, None] * 10000 ** (-torch.arange(0, HEAD, 2) / HEAD)
    cosines, sines = angles.cos(), angles.sin()

    def rotary(x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * cosines - b * sines, b * cosines + a * sines), -1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.n1, self.n2 = Norm(), Norm()
            self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
            self.gate, self.up = (nn.Linear(width, intermediate(width), bias=False) for _ in range(2))
            self.down = nn.Linear(intermediate(width), width, bias=False)

        def forward(self, x):
            n = self.n1(x)
            q, k, v = (f(n).view(BATCH, CONTEXT, heads, HEAD).transpose(1, 2) for f in (self.q, self.k, self.v))
            mixed = F.scaled_dot_product_attention(rotary(q), rotary(k), v, is_causal=True)
            h = x + self.o(mixed.transpose(1, 2).reshape(BATCH, CONTEXT, width))
            m = self.n2(h)
            return h + self.down(F.silu(self.gate(m)) * self.up(m))

    class Llama(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.norm = Norm()

        def forward(self, tokens):
            return self.norm(self.blocks(self.embedding(tokens))) @ self.embedding.weight.T

    model = Llama()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    tokens = torch.randint(0, VOCABULARY, (BATCH, CONTEXT + 1))

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(tokens[:, :-1]).reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step.version = f"PyTorch {torch.__version__}"
    return step


def torch_round(step):
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[WARM:])


def main():
    parser = argparse.ArgumentParser(description="A training step of walsh beside PyTorch's.")
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    parser.add_argument("--walsh", default=os.path.join(root, ".build/release/walsh"))
    parser.add_argument("--text", default=os.path.join(root, "Examples/stories-train.json"))
    parser.add_argument("--recipes", nargs="+", default=["fp32"])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--measure", help="the recipe to divide by; PyTorch where it is installed, else the first")
    parser.add_argument("--output")
    options = parser.parse_args()
    if options.measure and options.measure not in options.recipes:
        parser.error(f"--measure {options.measure}: it is not among the recipes that are timed; add it to --recipes.")

    step = None if options.measure else torch_step(options)
    measure = options.measure or (step.version if step else options.recipes[0])
    seconds = {name: [] for name in ([measure] if step else []) + options.recipes}
    for _ in range(options.rounds):
        if step:
            seconds[measure].append(torch_round(step))
        for recipe in options.recipes:
            seconds[recipe].append(walsh_round(options, recipe, options.text))

    rows = []
    for name, own in seconds.items():
        ratios = sorted(a / b for a, b in zip(own, seconds[measure]))
        rows.append({"name": name, "milliseconds": 1000 * statistics.median(own), "ratio": statistics.median(ratios)})
    print(f"| step, width {options.width}, {options.threads} threads | ms | times {measure} |\n|:---|---:|---:|")
    for row in rows:
        print(f"| {row['name']} | {row['milliseconds']:.0f} | {row['ratio']:.2f} |")
    if options.output:
        report = {"processor": processor(), "load": os.getloadavg(), "threads": options.threads,
                  "width": options.width, "rows": rows, "seconds": seconds}  # fmt: skip
        with open(options.output, "w") as file:
            json.dump(report, file, indent=2)


main()
