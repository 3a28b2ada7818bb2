#!/usr/bin/env python3
"""Our speed beside llama.cpp's: the same file, threads, prompt and token counts; both programs in turn; medians.

    compare_llama.py --engine build/release/bin/engine [--llama-bench PATH | --python PYTHON] MODEL.gguf... [-t N] [-p 512] [-n 128]
                     [-r 5] [--out FOLDER]

The rival is a llama-bench program, or the package llama-cpp-python (tested: 0.3.36) of the Python given by --python, used as a
black box. Flash attention is on. Each round runs both programs once, one test each, ours first in odd rounds; a round of
warm-up is not counted. Writes comparison.md, comparison.json and comparison.svg to the folder.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

# Runs in the Python of the rival: reads nothing but its arguments, prints {"pp": t/s, "tg": t/s}.
BLACK_BOX = r"""
import ctypes, json, random, sys, time
import llama_cpp as l
path, threads, n_prompt, n_gen = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
l.llama_log_set(ctypes.cast(None, l.llama_log_callback), ctypes.c_void_p(0)) if hasattr(l, "llama_log_callback") else None
l.llama_backend_init()
mp = l.llama_model_default_params()
model = l.llama_model_load_from_file(path.encode(), mp)
cp = l.llama_context_default_params()
cp.n_ctx, cp.n_batch, cp.n_ubatch, cp.n_threads, cp.n_threads_batch = n_prompt + n_gen + 64, 2048, 512, threads, threads
if hasattr(cp, "flash_attn_type"): cp.flash_attn_type = 1
elif hasattr(cp, "flash_attn"): cp.flash_attn = True
ctx = l.llama_init_from_model(model, cp)
n_vocab = l.llama_vocab_n_tokens(l.llama_model_get_vocab(model))
random.seed(1)
memory = l.llama_get_memory(ctx)
def feed(tokens):
    array = (l.llama_token * len(tokens))(*tokens)
    if l.llama_decode(ctx, l.llama_batch_get_one(array, len(tokens))) != 0: sys.exit("llama_decode failed")
    l.llama_synchronize(ctx)
def timed(n_prompt, n_gen):
    l.llama_memory_clear(memory, True)
    tokens = [[random.randrange(n_vocab) for _ in range(n_prompt)]] if n_prompt else [[random.randrange(n_vocab)] for _ in range(n_gen)]
    start = time.perf_counter()
    for t in tokens: feed(t)
    return time.perf_counter() - start
timed(n_prompt, 0); timed(0, 1)
print(json.dumps({"pp": n_prompt / timed(n_prompt, 0), "tg": n_gen / timed(0, n_gen)}))
"""


def run(command, **kwargs):
    result = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if result.returncode != 0:
        sys.exit(f"error: {' '.join(map(str, command[:3]))} ... failed:\n{result.stderr[-2000:]}")
    return result.stdout


def bench_program(program, verb, model, args):
    """One run of llama-bench or of `engine bench`: both print the same JSON."""
    out = run([program, *verb, "-m", model, "-p", str(args.p), "-n", str(args.n), "-t", str(args.t), "-r", "1", "-fa", "1", "-o", "json"])
    speeds = {}
    for row in json.loads(out):
        speeds["pp" if row["n_prompt"] > 0 else "tg"] = float(row["avg_ts"])
    return speeds


def rival(model, args):
    if args.llama_bench:
        return bench_program(args.llama_bench, [], model, args)
    out = run([args.python, "-c", BLACK_BOX, model, str(args.t), str(args.p), str(args.n)])
    return json.loads(out.strip().split("\n")[-1])


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", info)
    flags = re.search(r"flags\s*: (.*)", info)
    wanted = [f for f in (flags.group(1).split() if flags else []) if re.match(r"(avx|fma|f16c|amx|sse4)", f)]
    return {"cpu": name.group(1) if name else "unknown", "cores": os.cpu_count(), "flags": " ".join(wanted), "load_before": os.getloadavg()[0]}


def measure(model, args):
    samples = {"engine": {"pp": [], "tg": []}, "llama.cpp": {"pp": [], "tg": []}}
    programs = [("engine", lambda: bench_program(args.engine, ["bench"], model, args)), ("llama.cpp", lambda: rival(model, args))]
    for round_number in range(args.r + 1):
        for name, program in programs if round_number % 2 else programs[::-1]:
            speeds = program()
            if round_number > 0:
                for test in ("pp", "tg"):
                    samples[name][test].append(speeds[test])
        print(f"{pathlib.Path(model).name}: round {round_number} of {args.r}", file=sys.stderr)
    rows = []
    for test, count in (("pp", args.p), ("tg", args.n)):
        ours, theirs = (statistics.median(samples[n][test]) for n in ("engine", "llama.cpp"))
        spread = [round(min(samples[n][test]), 2) for n in samples] + [round(max(samples[n][test]), 2) for n in samples]
        rows.append({"model": pathlib.Path(model).name, "test": f"{test}{count}", "engine": ours, "llama_cpp": theirs, "ratio": ours / theirs,
                     "engine_range": [spread[0], spread[2]], "llama_cpp_range": [spread[1], spread[3]],
                     "samples": {n: samples[n][test] for n in samples}})
    return rows


def markdown(rows, facts):
    lines = [f"{facts['date']}, {facts['cpu']} ({facts['threads']} threads), engine {facts['commit']}, llama.cpp: {facts['rival']}; medians of "
             f"{facts['rounds']} alternating rounds, tokens per second", "", f"Flags: {facts['flags']}. Load before: {facts['load_before']:.2f}.", "",
             "| Model | Test | engine | llama.cpp | Ratio |", "|---|---|---:|---:|---:|"]
    for r in rows:
        lines.append(f"| {r['model']} | {r['test']} | {r['engine']:.1f} ({r['engine_range'][0]:.1f}-{r['engine_range'][1]:.1f}) | "
                     f"{r['llama_cpp']:.1f} ({r['llama_cpp_range'][0]:.1f}-{r['llama_cpp_range'][1]:.1f}) | {r['ratio']:.2f} |")
    return "\n".join(lines) + "\n"


def svg(rows):
    """Bars of the ratio; the line marks 1."""
    width, row_height, left = 640, 28, 260
    scale = (width - left - 70) / max(1.5, max(r["ratio"] for r in rows))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{row_height * len(rows) + 40}" font-family="sans-serif" font-size="12">',
           '<text x="10" y="16">speed of engine relative to llama.cpp</text>']
    for i, r in enumerate(rows):
        y = 28 + i * row_height
        out.append(f'<text x="10" y="{y + 14}">{r["model"][:30]} {r["test"]}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{r["ratio"] * scale:.1f}" height="20" fill="{"#2a7" if r["ratio"] >= 1 else "#c64"}"/>')
        out.append(f'<text x="{left + r["ratio"] * scale + 6:.1f}" y="{y + 14}">{r["ratio"]:.2f}</text>')
    out.append(f'<line x1="{left + scale:.1f}" x2="{left + scale:.1f}" y1="22" y2="{28 + row_height * len(rows)}" stroke="#333" stroke-dasharray="3"/></svg>')
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--llama-bench")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("-t", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-p", type=int, default=512)
    parser.add_argument("-n", type=int, default=128)
    parser.add_argument("-r", type=int, default=5)
    parser.add_argument("--out", default=".")
    args = parser.parse_args()
    facts = machine()
    facts.update(date=datetime.date.today().isoformat(), threads=args.t, rounds=args.r,
                 commit=re.search(r"commit (\S+?),", run([args.engine, "--version"])).group(1),
                 rival=args.llama_bench or run([args.python, "-c", "import llama_cpp; print('llama-cpp-python', llama_cpp.__version__)"]).strip())
    rows = [row for model in args.models for row in measure(model, args)]
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    text = markdown(rows, facts)
    (out / "comparison.md").write_text(text)
    (out / "comparison.json").write_text(json.dumps({"facts": facts, "rows": rows}, indent=1) + "\n")
    (out / "comparison.svg").write_text(svg(rows))
    print(text)


if __name__ == "__main__":
    main()
