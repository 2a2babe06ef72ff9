#!/usr/bin/env python3
"""Decode and prefill of Walsh beside llama.cpp, on the same random weights, in alternating rounds of one run.

    decode.py WALSH [--formats mxfp4 nvfp4] [--threads 2 1] [--rounds 3] [--output results/decode.json]

WALSH is the release binary. The Python that runs this needs numpy and llama-cpp-python; build the latter here for this
machine: CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-binary llama-cpp-python llama-cpp-python numpy. Models of 1.1 billion
parameters (0.7 GB for each format and runtime) are written to the temporary folder once.

Times are those on the wall, with one thread those of the processor: other programs on the machine stop the barriers of
several threads for long, so figures for more than one need an idle machine; the load is recorded.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from machine import clock, processor, version  # noqa: E402


def measure(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{command[0]} failed:\n{result.stderr}")
    return json.loads(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("walsh")
    parser.add_argument("--formats", nargs="+", default=["mxfp4", "nvfp4"])
    parser.add_argument("--threads", nargs="+", type=int, default=[2, 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("results/decode.json"))
    a = parser.parse_args()
    sizes = ["--prompt", str(a.prompt), "--tokens", str(a.tokens)]
    results = []
    print(f"{'':16}{'decode, tokens/s':>30}{'prefill, tokens/s':>32}")
    print(f"{'':16}{'Walsh':>10}{'llama.cpp':>11}{'ratio':>9}{'Walsh':>12}{'llama.cpp':>11}{'ratio':>9}")
    for form in a.formats:
        folder, gguf = a.models / f"decode-{form}", a.models / f"decode-{form}.gguf"
        if not gguf.exists():
            subprocess.run([sys.executable, HERE / "model_files.py", form, folder, gguf], check=True)
        for threads in a.threads:
            rounds, loads, clocks = {"walsh": [], "llama.cpp": []}, [], []
            for _ in range(a.rounds):
                common = sizes + ["--threads", str(threads)]
                loads.append(os.getloadavg()[0])
                clocks.append(clock())
                rounds["walsh"].append(
                    measure([a.walsh, "bench", "model", str(folder), "--rounds", "1", "--json", *common]))
                rounds["llama.cpp"].append(
                    measure([sys.executable, str(HERE / "llama_speed.py"), str(gguf), *common]))
            def median(runtime, key):
                return statistics.median(r[key] for r in rounds[runtime])
            row = {"format": form, "threads": threads, "load": loads, "clockMHz": clocks, "rounds": rounds}
            line = f"{form}, {threads} thread{'s' if threads > 1 else ' '}".ljust(16)
            for name, key, width in [("decode", "decodeTokensPerSecond", 10), ("prefill", "promptTokensPerSecond", 12)]:
                ours, theirs = median("walsh", key), median("llama.cpp", key)
                # The ratio of each pair of neighbours, because the machine's other work comes and goes.
                ratio = statistics.median(w[key] / l[key] for w, l in zip(rounds["walsh"], rounds["llama.cpp"]))
                row[name] = {"walsh": ours, "llama.cpp": theirs, "ratio": ratio}
                line += f"{ours:{width}.1f}{theirs:11.1f}{ratio:9.2f}"
            print(line, flush=True)
            results.append(row)
    a.output.parent.mkdir(parents=True, exist_ok=True)
    a.output.write_text(json.dumps({
        "processor": processor(), "cores": os.cpu_count(), "system": platform.platform(),
        "versions": {"walsh": version(["git", "rev-parse", "--short", "HEAD"]),
                     "llama-cpp-python": results[0]["rounds"]["llama.cpp"][0]["version"],
                     "swift": version(["swift", "--version"]), "python": platform.python_version()},
        "prompt": a.prompt, "tokens": a.tokens, "results": results}, indent=1) + "\n")


main()
