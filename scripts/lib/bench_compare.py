"""The measuring half of scripts/bench_compare.sh: two builds of engine, the same tests, in turn."""
import argparse
import sys

from lib import engine_runs, measuring


def verdict(ratios):
    """+ or -: every pair says so; =: they disagree."""
    return "+" if min(ratios) > 1 else "-" if max(ratios) < 1 else "="


def table(pairs, base_name, head_name):
    """pairs: [({test: speed} of base, {test: speed} of head)]."""
    lines = [f"| Test | {base_name} | {head_name} | Ratio | Pairs | |", "|---|---:|---:|---:|---:|---|"]
    for test in pairs[0][0]:
        both = [(b[test], a[test]) for a, b in pairs if test in b]
        if not both:
            continue
        s = measuring.ratio_summary(both)
        ratios = [h / b for h, b in both]
        lines.append(f"| {test} | {s['theirs']:.1f} ({s['theirs_range'][0]:.1f}-{s['theirs_range'][1]:.1f}) | "
                     f"{s['ours']:.1f} ({s['ours_range'][0]:.1f}-{s['ours_range'][1]:.1f}) | {s['ours'] / s['theirs']:.3f} | "
                     f"{min(ratios):.3f}-{max(ratios):.3f} | {verdict(ratios)} |")
    return "\n".join(lines)


def speeds(engine, flags):
    """Tokens per second of each test. Older programs measure no roofs and do not know the flag."""
    quick = ["--no-roofs"] if "--no-roofs" in engine_runs.run([engine, "bench", "--help"]) else []
    rows = engine_runs.bench_rows([engine, "bench"], [*flags, *quick, "-r", "1"])
    return {f"{row['model_filename'].rsplit('/', 1)[-1]} {engine_runs.test_name(row)}, {row['n_threads']} t": float(row["avg_ts"]) for row in rows}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--limit", type=float, default=2)
    for name in ("base", "base_name", "head", "head_name"):
        parser.add_argument(name)
    split = sys.argv.index("--")
    args, flags = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1:]
    pairs = measuring.alternate(lambda: speeds(args.base, flags), lambda: speeds(args.head, flags), args.pairs, args.limit,
                                lambda text: print(text, file=sys.stderr))
    facts = measuring.machine()
    print(f"{facts['date']}, {facts['cpu']}, {facts['cores']} cores; tokens per second, medians of {len(pairs.kept)} alternating pairs "
          f"(minimum-maximum); {measuring.discarded_text(pairs)}\n")
    print(table(pairs.kept, args.base_name, args.head_name))
    print("\nRatio: of the medians. Pairs: lowest and highest ratio of a pair; + or -: all pairs agree.")


if __name__ == "__main__":
    main()
