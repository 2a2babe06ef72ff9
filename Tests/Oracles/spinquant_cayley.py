"""Steps of Cayley SGD in float64, written from the formulas of arXiv 2002.01113 with numpy.

Writes Golden/spinquant/cayley.json: for each case the matrix X, the gradient G, the learning rate, whether X is made
orthonormal first, and the result. Run: python3 spinquant_cayley.py
"""

import json
import pathlib

import numpy as np

rng = np.random.default_rng(20241)


def orthonormal_rows(p, n):
    return np.linalg.qr(rng.standard_normal((n, p)))[0].T


def step(x, g, rate, retract):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    if retract:
        q, r = np.linalg.qr(x.T)
        x = (q * np.sign(np.diag(r))).T
    v = -g.T
    m = v @ x
    w_hat = m - 0.5 * x.T @ x @ m
    w = w_hat - w_hat.T
    alpha = min(rate, 1.0 / (np.abs(w).sum(axis=0).max() + 1e-8))
    y = x.T + alpha * v
    for _ in range(5):
        y = x.T + alpha / 2 * w @ (x.T + y)
    identity = np.eye(x.shape[1])
    exact = np.linalg.solve(identity - alpha / 2 * w, (identity + alpha / 2 * w) @ x.T)
    return y.T, exact.T


cases = []
for p, n, scale, rate, retract, drift in [
    (4, 4, 0.01, 1.5, False, 0.0),
    (4, 4, 10.0, 1.5, False, 0.0),
    (3, 6, 1.0, 0.01, False, 0.0),
    (8, 8, 1.0, 1.5, False, 1e-3),
    (8, 8, 1.0, 1.5, True, 1e-3),
    (12, 12, 0.1, 0.3, False, 0.0),
]:
    x = orthonormal_rows(p, n) + drift * rng.standard_normal((p, n))
    g = scale * rng.standard_normal((p, n))
    y, exact = step(x, g, rate, retract)
    cases.append(
        {
            "x": x.tolist(),
            "gradient": g.tolist(),
            "rate": rate,
            "retracts": retract,
            "result": y.tolist(),
            "curve": exact.tolist(),
        }
    )

out = pathlib.Path(__file__).parent.parent / "Golden" / "spinquant"
out.mkdir(exist_ok=True)
(out / "cayley.json").write_text(json.dumps(cases) + "\n")
