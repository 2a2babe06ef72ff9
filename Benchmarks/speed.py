"""Every speed that is promised, measured in one run and set beside what it should reach.

    python3 Benchmarks/speed.py [--walsh PATH] [--python PATH] [--skip decode training] [--output results/speed.json]

Kernels come from `walsh bench kernels` and `walsh bench fwht` on one thread, each beside a limit measured in the same rounds;
decode and prefill from decode/decode.py, which needs a Python with numpy and llama-cpp-python (--python) and writes models of
3 GB to the temporary folder once; training steps from training_step.py. The machine should be idle: its load is recorded.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from machine import clock, processor, version

HERE = pathlib.Path(__file__).parent
# The model of decode/model_files.py: blocks, the inputs of a group of layers in each, and how many groups have them.
LAYERS, WIDTHS = 22, {2048: 3, 5632: 1}
# FFHT's times on the reference machine, in µs, and what our transforms should take.
FWHT = {128: (0.024, 0.020), 1024: (0.20, 0.165), 4096: (0.90, 0.75), 16384: (4.5, 3.7), 1 << 20: (500, 400)}


def kernels(walsh):
    def bench(group):
        command = [walsh, "bench", group, "--threads", "1", "--json", "--quiet"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    rows = []
    found = {}
    for result in bench("kernels"):
        found.setdefault(result["kernel"], []).append(result)
    kronecker = {row["size"]: row["seconds"] for row in found["kronecker"] if row["rows"] == 1}
    cached, memory = found["gemv W4A8 mxfp4"]
    rows.append(("MXFP4 GEMV from cache, GB/s of packed weight", 45, 60, cached["gigabytesPerSecond"]))
    share = memory["limits"]["read"]["ratio"]
    rows.append(("the same from memory, share of the read bandwidth in the same run", 0.85, 0.97, share))
    for name in ("W4A8 mxfp4", "W4A4 mxfp4", "W4A8 nvfp4", "W4A4 nvfp4", "W4A4 int4"):
        rows.append((f"{name} GEMM, K = 4096, GOPS", 280, 350, found["gemm " + name][0]["gigaflops"]))
    rotated = found["gemm Hadamard W4A4 mxfp4"][0]
    ratio = rotated["limits"]["sgemm"]["ratio"]
    rows.append(("W4A4 GEMM behind an online Hadamard transform, times sgemm", 3.0, 3.8, ratio))
    for result in bench("fwht"):
        size = result["size"]
        if result["kernel"] == "fwht" and size in FWHT and result["rows"] * size <= 1 << 20:
            time = 1e6 * result["seconds"] / result["rows"]
            rows.append((f"FWHT of {size} from cache, µs a row (less is better)", *FWHT.pop(size), time))
    return rows, LAYERS * sum(count * kronecker[width] for width, count in WIDTHS.items())


def decode(options, models):
    output = HERE / "results" / "decode.json"
    command = [options.python, HERE / "decode" / "decode.py", options.walsh, "--output", output, "--models", models]
    subprocess.run([str(x) for x in command] + ["--threads", "2", "--rounds", "3"], check=True)
    reach = {"mxfp4": (2.0, 2.8), "nvfp4": (3.5, 5)}
    rows = []
    rates = {}
    for result in json.loads(output.read_text())["results"]:
        name = result["format"]
        rates[name] = result["decode"]["walsh"]
        rows.append((f"decode {name}, 1.1 B, times llama.cpp", *reach[name], result["decode"]["ratio"]))
        rows.append((f"prefill of 512, {name}, times llama.cpp", 2.0, 2.5, result["prefill"]["ratio"]))
    return rows, rates


def transforms(options, models):
    """The share of decoding that an online rotation of the widest layer takes."""
    plain, rotated = models / "decode-mxfp4", models / "decode-mxfp4-rotated"
    if not (rotated / "config.json").exists():
        command = [options.python, HERE / "decode" / "model_files.py", "mxfp4", rotated, models / "unused.gguf"]
        subprocess.run([str(x) for x in command] + ["--rotation", "512"], check=True)
        (models / "unused.gguf").unlink(missing_ok=True)

    def rate(folder):
        command = [options.walsh, "bench", "model", folder, "--rounds", "1", "--prompt", "16", "--threads", "2", "--json", "--quiet"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["decodeTokensPerSecond"]

    shares = [1 - rate(rotated) / rate(plain) for _ in range(5)]
    return [("online rotation of down_proj, share of decoding (less is better)", 0.07, 0.03, statistics.median(shares))]


def training(options):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [options.python, HERE / "training_step.py", "--walsh", options.walsh, "--width", "1024", "--rounds", "3", "--threads", "2",
                   "--recipes", "fp32", "nvfp4", "mxfp4-iht", "--measure", "fp32", "--output", file.name]  # fmt: skip
        subprocess.run([str(x) for x in command], check=True)
        rows = json.load(file)["rows"]
    names = {"nvfp4": "nvfp4", "mxfp4-iht": "adahop's arithmetic (mxfp4-iht)"}
    return [(f"training step of {names[row['name']]}, width 1024, times as fast as fp32", 1.3, 1.8, 1 / row["ratio"])
            for row in rows if row["name"] in names]  # fmt: skip


def text(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walsh", default=str(HERE / ".." / ".build" / "release" / "walsh"))
    parser.add_argument("--python", default=sys.executable, help="with numpy, llama-cpp-python and, for the rival, torch")
    parser.add_argument("--skip", nargs="*", default=[], choices=["kernels", "decode", "training"])
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "results" / "speed.json")
    options = parser.parse_args()
    load = [os.getloadavg()[0]]
    rows, products = [], None
    if "kernels" not in options.skip:
        rows, products = kernels(options.walsh)
    if "decode" not in options.skip:
        found, rates = decode(options, options.models)
        rows += found + transforms(options, options.models)
        if products:
            # Before every group, on one thread while the other waits: their time beside a token's without them.
            share = products / (products + 1 / rates["mxfp4"])
            rows.append(("Kronecker products before all groups, share of decoding (less is better)", 0.07, 0.03, share))
    if "training" not in options.skip:
        rows += training(options)
    load.append(os.getloadavg()[0])
    print("| measure | reach | beyond | measured |\n|:---|---:|---:|---:|")
    for name, reach, beyond, value in rows:
        print(f"| {name} | {reach} | {beyond} | {text(value)} |")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({
        "rows": [dict(zip(("measure", "reach", "beyond", "measured"), row)) for row in rows], "load": load,
        "clockMHz": clock(), "processor": processor(), "commit": version(["git", "rev-parse", "--short", "HEAD"]),
        "swift": version(["swift", "--version"]),
    }, indent=1) + "\n")  # fmt: skip


main()
