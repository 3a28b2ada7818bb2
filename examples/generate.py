#!/usr/bin/env python3
"""Asks a model one question and prints the answer as it comes, through libengine and ctypes.

    examples/generate.py MODEL.gguf "Why is the sky blue?" [TOKENS]

The library is the one that ENGINE_LIBRARY names, else libengine.so.0 of the system.
"""
import ctypes
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_void_p, sizeof


class Message(ctypes.Structure):
    _fields_ = [("role", c_char_p), ("content", c_char_p)]


class GenerateOptions(ctypes.Structure):
    """The first members are enough: a struct says its size, and what is behind it keeps its default."""
    _fields_ = [("size", c_size_t), ("num_predict", c_int32), ("temperature", c_float), ("top_k", c_int32), ("top_p", c_float),
                ("min_p", c_float), ("typical_p", c_float), ("repeat_penalty", c_float), ("presence_penalty", c_float),
                ("frequency_penalty", c_float), ("repeat_last_n", c_int32), ("seed", c_int64), ("stop", POINTER(c_char_p)),
                ("n_stop", c_size_t)]


class GenerateStats(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("reason", c_int32), ("prompt_tokens", c_int32), ("cached_tokens", c_int32),
                ("output_tokens", c_int32), ("prompt_ns", c_int64), ("output_ns", c_int64)]


TextCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p)

engine = ctypes.CDLL(os.environ.get("ENGINE_LIBRARY", "libengine.so.0"))
engine.engine_last_error.restype = c_char_p
engine.engine_model_open.argtypes = [c_char_p, c_void_p, POINTER(c_void_p)]
engine.engine_model_free.argtypes = [c_void_p]
engine.engine_generate_options_init.argtypes = [POINTER(GenerateOptions), c_size_t]
engine.engine_chat.argtypes = [c_void_p, POINTER(Message), c_size_t, POINTER(GenerateOptions), TextCallback, c_void_p,
                               POINTER(GenerateStats)]


def check(status):
    if status != 0:
        sys.exit(f"error: {engine.engine_last_error().decode(errors='replace')}")


@TextCallback
def on_text(text, n_bytes, _):
    sys.stdout.buffer.write(ctypes.string_at(text, n_bytes))
    sys.stdout.flush()
    return 0  # go on


def main():
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} MODEL.gguf PROMPT [TOKENS]")
    model = c_void_p()
    check(engine.engine_model_open(os.fsencode(sys.argv[1]), None, byref(model)))

    options = GenerateOptions()
    check(engine.engine_generate_options_init(byref(options), sizeof(options)))
    options.temperature = 0
    options.num_predict = int(sys.argv[3]) if len(sys.argv) > 3 else 256
    question = Message(b"user", os.fsencode(sys.argv[2]))
    stats = GenerateStats(size=sizeof(GenerateStats))
    status = engine.engine_chat(model, byref(question), 1, byref(options), on_text, None, byref(stats))
    engine.engine_model_free(model)
    check(status)
    print()
    print(f"{stats.output_tokens} tokens, {stats.output_tokens / (stats.output_ns / 1e9 + 1e-9):.1f} per second", file=sys.stderr)


if __name__ == "__main__":
    main()
