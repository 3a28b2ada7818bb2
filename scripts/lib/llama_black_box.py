"""One run of llama-cpp-python as a black box, in the Python that has it: reads one JSON argument, prints tokens per second as JSON.

    {"model": PATH, "threads": N, "prompt": N, "gen": N, "depth": N, "parallel": N}

Either prompt or gen is 0. Random tokens, flash attention on, nothing sampled. depth tokens are in the cache before; with parallel
sequences each has its own, and the speed is that of all together. A short run of the same kind comes first and is not counted.
"""
import ctypes
import json
import random
import sys
import time

import llama_cpp as l


def fail(text):
    sys.exit(f"error: llama.cpp: {text}")


@l.llama_log_callback
def silent(level, text, data):
    pass


class Session:
    def __init__(self, test):
        self.parallel = test["parallel"]
        l.llama_log_set(silent, ctypes.c_void_p(0))
        l.llama_backend_init()
        self.model = l.llama_model_load_from_file(test["model"].encode(), l.llama_model_default_params())
        if not self.model:
            fail(f"cannot load {test['model']}")
        p = l.llama_context_default_params()
        each = (test["depth"] + max(test["prompt"], test["gen"]) + 64 + 255) // 256 * 256
        p.n_ctx, p.n_seq_max = each * self.parallel, self.parallel
        p.n_batch, p.n_ubatch = 2048, 512
        p.n_threads = p.n_threads_batch = test["threads"]
        if hasattr(p, "flash_attn_type"):
            p.flash_attn_type = 1
        elif hasattr(p, "flash_attn"):
            p.flash_attn = True
        self.ctx = l.llama_init_from_model(self.model, p)
        if not self.ctx:
            fail("no context")
        self.memory = l.llama_get_memory(self.ctx)
        self.n_vocab = l.llama_vocab_n_tokens(l.llama_model_get_vocab(self.model))
        self.batch = l.llama_batch_init(2048, 0, 1)

    def step(self, rows):
        """rows: (sequence, position, wants logits), at most 2048."""
        b = self.batch
        b.n_tokens = len(rows)
        for i, (seq, position, logits) in enumerate(rows):
            b.token[i] = random.randrange(self.n_vocab)
            b.pos[i], b.n_seq_id[i], b.seq_id[i][0], b.logits[i] = position, 1, seq, logits
        if l.llama_decode(self.ctx, b) != 0:
            fail("llama_decode failed")
        l.llama_synchronize(self.ctx)

    def prompt(self, seq, past, n):
        for at in range(0, n, 2048):
            m = min(2048, n - at)
            self.step([(seq, past + at + i, i + 1 == m) for i in range(m)])

    def generate(self, past, n):
        for i in range(n):
            self.step([(seq, past + i, True) for seq in range(self.parallel)])

    def fill(self, depth):
        """Every sequence holds depth tokens: one is computed, the others are copies. The copying itself is done by the next step."""
        l.llama_memory_clear(self.memory, True)
        if depth == 0:
            return 0
        self.prompt(0, 0, depth)
        if self.parallel == 1:
            return depth
        for seq in range(1, self.parallel):
            l.llama_memory_seq_cp(self.memory, 0, seq, -1, -1)
        self.generate(depth, 1)
        return depth + 1


def timed(session, test):
    past = session.fill(test["depth"])
    start = time.perf_counter()
    if test["prompt"]:
        session.prompt(0, past, test["prompt"])
    else:
        session.generate(past, test["gen"])
    return time.perf_counter() - start


def main():
    test = json.loads(sys.argv[1])
    random.seed(1)
    session = Session(test)
    session.fill(0)
    if test["prompt"]:
        session.prompt(0, 0, test["prompt"])
    else:
        session.generate(0, 2)
    tokens = test["prompt"] or test["gen"] * test["parallel"]
    system = l.llama_print_system_info().decode(errors="replace").strip()
    print(json.dumps({"tokens_per_second": tokens / timed(session, test), "version": l.__version__, "system": system}))


if __name__ == "__main__":
    main()
