#!/usr/bin/env python3
"""Our speed beside llama.cpp's: the same file, threads and tokens; both programs in turn; medians of undisturbed pairs.

    compare_llama.py MODEL.gguf... --python VENV/bin/python [-p 512] [-n 128] [-d 0,2048] [--npl 1,8] [-t 1,2] [--isa avx2]
                     [-r 5] [--engine build/release/bin/engine] [--out FOLDER]

Every test is measured by itself: each pair starts both programs afresh, one test each, in changing order; a warm-up inside of each
run is not counted. -p and -n are lists of prompt and generation lengths (0: none), -d of tokens that are in the cache before, --npl
of sequences that generate together (generation only). Flash attention is on in both. The rival is the package llama-cpp-python
(tested: 0.3.36) of the Python given by --python, or a llama-bench program (--llama-bench), used as a black box. --isa caps the
instructions of engine alone. A pair during which the host took time (steal) or other processes ran is discarded and repeated.
Writes comparison.md, comparison.json and comparison.svg to the folder.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys

from lib import comparison_report, engine_runs, measuring

BLACK_BOX = pathlib.Path(__file__).resolve().parent / "lib" / "llama_black_box.py"


def numbers(text):
    return [int(part) for part in text.split(",")]


def tests_of(args):
    """(prompt, gen, depth, parallel, threads) of every test, prompts first."""
    out = []
    for threads in args.t:
        for depth in args.d:
            out += [(n, 0, depth, 1, threads) for n in args.p if n > 0]
            out += [(0, n, depth, parallel, threads) for n in args.n if n > 0 for parallel in args.npl]
    return out


def bench_flags(model, test):
    prompt, gen, depth, _, threads = test
    return ["-m", model, "-p", str(prompt), "-n", str(gen), "-d", str(depth), "-t", str(threads), "-r", "1", "-fa", "1"]


def run_engine(args, model, test):
    flags = bench_flags(model, test)
    if test[3] > 1:
        flags += ["-npl", str(test[3])]
    rows = engine_runs.bench_rows([args.engine, "bench"], flags, args.isa)
    if len(rows) != 1:
        sys.exit(f"error: {args.engine} ran {len(rows)} tests instead of one")
    return rows[0]


def run_rival(args, model, test):
    prompt, gen, depth, parallel, threads = test
    if args.llama_bench:
        row = engine_runs.bench_rows([args.llama_bench], bench_flags(model, test))[0]
        return {"tokens_per_second": float(row["avg_ts"]), "version": f"llama-bench {row['build_commit']}", "system": row["cpu_info"]}
    request = {"model": str(pathlib.Path(model).resolve()), "threads": threads, "prompt": prompt, "gen": gen, "depth": depth, "parallel": parallel}
    result = json.loads(engine_runs.run([args.python, str(BLACK_BOX), json.dumps(request)]).strip().split("\n")[-1])
    result["version"] = f"llama-cpp-python {result['version']}"
    return result


def measure(args, model, test):
    """One row of the table."""
    name = None

    def say(text):
        print(f"{pathlib.Path(model).name}, {test}: {text}", file=sys.stderr)

    pairs = measuring.alternate(lambda: run_engine(args, model, test), lambda: run_rival(args, model, test), args.r, args.limit, say)
    ours, theirs = [a for a, _ in pairs.kept], [b for _, b in pairs.kept]
    row = measuring.ratio_summary([(float(a["avg_ts"]), b["tokens_per_second"]) for a, b in pairs.kept])
    name = engine_runs.test_name(ours[0])
    middle = lambda key: statistics.median(a[key] for a in ours)
    row.update(model=pathlib.Path(model).name, test=name, threads=test[4], discarded=len(pairs.discarded), quiet=pairs.quiet,
               gb_per_s=middle("gb_per_s"), read_percent=middle("pct_of_read_bw"), gmac_per_s=middle("gmac_per_s"),
               mac_percent=middle("pct_of_mac_peak"), bytes=ours[0]["bytes"], isa=ours[0]["isa"],
               roofs={key: [min(a[field] for a in ours), max(a[field] for a in ours)]
                      for key, field in (("read", "read_gb_per_s"), ("int8", "int8_gmac_per_s"), ("f32", "f32_gmac_per_s"))})
    return row, theirs[0]


def roofs_by_threads(rows):
    out = {}
    for row in rows:
        known = out.setdefault(str(row["threads"]), {k: list(v) for k, v in row["roofs"].items()})
        for key, (low, high) in row["roofs"].items():
            known[key] = [min(known[key][0], low), max(known[key][1], high)]
    return out


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--engine", default="build/release/bin/engine")
    parser.add_argument("--python", default=sys.executable, help="a Python that has llama-cpp-python")
    parser.add_argument("--llama-bench", help="a llama-bench program instead of --python")
    parser.add_argument("-p", type=numbers, default=[512], metavar="N,..")
    parser.add_argument("-n", type=numbers, default=[128], metavar="N,..")
    parser.add_argument("-d", type=numbers, default=[0], metavar="N,..")
    parser.add_argument("--npl", type=numbers, default=[1], metavar="N,..")
    parser.add_argument("-t", type=numbers, default=[cores], metavar="N,..")
    parser.add_argument("--isa", default="", help="ENGINE_ISA of engine: avx2, avx512, ...")
    parser.add_argument("-r", type=int, default=5, help="undisturbed pairs of each test")
    parser.add_argument("--limit", type=float, default=2, help="percent of steal or other load above which a pair is discarded")
    parser.add_argument("--goal-pp", type=float, default=1)
    parser.add_argument("--goal-tg", type=float, default=1)
    parser.add_argument("--out", default=".")
    args = parser.parse_args()
    if args.llama_bench and args.npl != [1]:
        sys.exit("error: llama-bench runs one sequence: --npl needs --python")
    return args


def main():
    args = parse_args()
    facts = measuring.machine()
    facts.update(engine_runs.build_of(args.engine), limit=args.limit, goals={"pp": args.goal_pp, "tg": args.goal_tg},
                 isa_note=f" with ENGINE_ISA={args.isa}" if args.isa else "", command=" ".join(sys.argv))
    before = measuring.ticks()
    rows = []
    for model in args.models:
        for test in tests_of(args):
            row, theirs = measure(args, model, test)
            rows.append(row)
    facts.update(measuring.disturbance(before, measuring.ticks()), load_after=os.getloadavg()[0], rival=theirs["version"],
                 rival_system=theirs["system"], roofs=roofs_by_threads(rows))
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    text = comparison_report.markdown(rows, facts)
    (out / "comparison.md").write_text(text)
    (out / "comparison.json").write_text(json.dumps({"facts": facts, "rows": rows}, indent=1) + "\n")
    (out / "comparison.svg").write_text(comparison_report.svg(rows))
    print(text)


if __name__ == "__main__":
    main()
