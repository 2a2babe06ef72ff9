#!/usr/bin/env python3
"""Prefill and decode tokens per second of llama.cpp, as `walsh bench model` measures them: prints JSON.

    llama_speed.py FILE.gguf [--prompt 512] [--tokens 64] [--threads 2] [--logits FILE]
"""
import argparse
import ctypes
import json
import time

import llama_cpp
import numpy as np


def prompt(count, vocabulary):
    """The tokens that `walsh bench model` reads too."""
    return [(7919 * i + 13) % vocabulary for i in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--logits", help="write the logits behind the prompt here, as Float32")
    a = parser.parse_args()
    # As in Walsh: of a single thread the processor time, which other programs disturb little.
    clock = time.process_time if a.threads == 1 else time.perf_counter
    quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(a.gguf.encode(), llama_cpp.llama_model_default_params())
    if not model:
        raise SystemExit(f"{a.gguf}: llama.cpp does not load it.")
    options = llama_cpp.llama_context_default_params()
    options.n_ctx = a.prompt + a.tokens + 8
    options.n_batch = options.n_ubatch = max(a.prompt, 32)
    options.n_threads = options.n_threads_batch = a.threads
    context = llama_cpp.llama_init_from_model(model, options)
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))

    def decode(tokens):
        array = (llama_cpp.llama_token * len(tokens))(*tokens)  # The batch points to it.
        batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        if llama_cpp.llama_decode(context, batch) != 0:
            raise SystemExit("llama.cpp could not decode.")
        logits = llama_cpp.llama_get_logits_ith(context, -1)
        return np.ctypeslib.as_array(logits, (vocabulary,))

    # Once before, so that the file is in memory and the threads are there.
    decode(prompt(8, vocabulary))
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    start = clock()
    logits = decode(prompt(a.prompt, vocabulary))
    prefill = clock() - start
    if a.logits:
        logits.astype(np.float32).tofile(a.logits)
    token = int(logits.argmax())
    start = clock()
    for _ in range(a.tokens):
        token = int(decode([token]).argmax())
    seconds = clock() - start
    print(json.dumps({"promptTokens": a.prompt, "tokens": a.tokens, "promptTokensPerSecond": a.prompt / prefill,
                      "decodeTokensPerSecond": a.tokens / seconds, "version": llama_cpp.__version__}))


main()
