"""The same transforms by others, for the table beside walsh-benchmarks.

    python3 rivals.py [results/kernels.json]

NumPy's textbook butterflies, SciPy's dense matrix (numpy.matmul with scipy.linalg.hadamard) and, where installed, the same
in PyTorch; one thread each. Every result is checked against SciPy's matrix first. With walsh-benchmarks' file, prints how
many times faster Walsh is.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import json
import statistics
import sys
import time

import numpy as np
from scipy.linalg import hadamard

ROWS_BYTES = 64 << 20
SIZES = (128, 1024, 4096, 16384)


def butterflies(x):
    """log2(n) levels over whole arrays."""
    rows, n = x.shape
    h = 1
    while h < n:
        y = x.reshape(rows, n // (2 * h), 2, h)
        x = np.concatenate((y[:, :, :1] + y[:, :, 1:], y[:, :, :1] - y[:, :, 1:]), axis=2).reshape(rows, n)
        h *= 2
    return x * np.float32(n**-0.5)


def rivals():
    yield "numpy butterflies", butterflies
    matrices = {}

    def matrix(n):
        if n not in matrices:
            matrices[n] = (hadamard(n) * n**-0.5).astype(np.float32)
        return matrices[n]

    yield "scipy matrix", lambda x: x @ matrix(x.shape[1])
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)

    def with_torch(x):
        x = torch.from_numpy(x)
        rows, n = x.shape
        h = 1
        while h < n:
            y = x.view(rows, n // (2 * h), 2, h)
            x = torch.stack((y[:, :, 0] + y[:, :, 1], y[:, :, 0] - y[:, :, 1]), dim=2).view(rows, n)
            h *= 2
        return (x * n**-0.5).numpy()

    yield "torch butterflies", with_torch


def main():
    own = {}
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as file:
            for r in json.load(file):
                if r["kernel"] == "fwht" and 4 * r["size"] * r["rows"] == ROWS_BYTES:
                    own[r["size"]] = r["gigabytesPerSecond"]
    print(f"{'rival':<20}{'size':>7}{'GB/s':>8}{'Walsh is faster by':>20}")
    for name, function in rivals():
        for n in SIZES:
            if name == "scipy matrix" and n > 4096:
                continue  # a dense matrix of 16384² alone takes 1 GB
            x = np.random.default_rng(0).standard_normal((ROWS_BYTES // 4 // n, n), dtype=np.float32)
            sample = x[:4].copy()
            if n <= 4096:
                expected = sample.astype(np.float64) @ hadamard(n) * n**-0.5
                assert np.abs(function(sample) - expected).max() < 1e-4, name
            seconds = []
            for _ in range(3):
                start = time.perf_counter()
                function(x)
                seconds.append(time.perf_counter() - start)
            rate = 2 * x.nbytes / statistics.median(seconds) / 1e9
            ratio = f"{own[n] / rate:.0f}×" if n in own else ""
            print(f"{name:<20}{n:>7}{rate:>8.2f}{ratio:>20}")


if __name__ == "__main__":
    main()
