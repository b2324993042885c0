"""Finds out in which numbers this processor multiplies matrices soonest."""

from __future__ import annotations

import time
from functools import cache

import numpy as np

from samekind_server.embedding._openvino import openvino, operators

FLOAT32, BFLOAT16 = "f32", "bf16"
ROWS, WIDTH, WIDER = 64, 256, 1024  # Of the two products that are timed, half a millisecond each time.
ROUNDS = 9
SURELY = 0.9  # Of the time in float32 that it has to take: where it makes little difference, the numbers are left as they are.


@cache
def quickest() -> str:
    """BFLOAT16 where products take less time in it, else FLOAT32; timed in turns, in a tenth of a second, once for a process.

    A processor's flags do not tell: AMD's Zen 5 takes half the time in it, an Intel Xeon that has AVX-512 BF16, and AMX hidden by a hypervisor,
    two thirds more.
    """
    requests = {numbers: _request(numbers) for numbers in (FLOAT32, BFLOAT16)}
    took = dict.fromkeys(requests, np.inf)
    for _ in range(ROUNDS):
        for numbers, request in requests.items():
            began = time.perf_counter()
            request.infer()
            took[numbers] = min(took[numbers], time.perf_counter() - began)
    return BFLOAT16 if took[BFLOAT16] < SURELY * took[FLOAT32] else FLOAT32


def _request(numbers: str) -> openvino.InferRequest:
    """Two products one after the other, with weights, as in a layer of a transformer."""
    chance = np.random.default_rng(0)
    given = operators.parameter([ROWS, WIDTH], np.float32)
    made = given
    for shape in ((WIDTH, WIDER), (WIDER, WIDTH)):
        made = operators.matmul(made, operators.constant(chance.normal(size=shape).astype(np.float32)), False, False)
    options = {"INFERENCE_PRECISION_HINT": numbers, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(openvino.Model([made], [given], "products"), "CPU", options).create_infer_request()
    request.set_input_tensor(openvino.Tensor(chance.normal(size=(ROWS, WIDTH)).astype(np.float32)))
    return request
