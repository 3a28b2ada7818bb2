#!/usr/bin/env python3
"""Our quantizer beside llama.cpp's: time, and divergence of the results from the 16-bit model.

    compare_quantize.py MODEL.gguf... --python VENV/bin/python [--types Q8_0,Q4_K_M,...] [-t 2] [-r 3] [--text FILE] [--chunks 8]
                        [--engine build/release/bin/engine] [--out FOLDER]

A model that is quantized is made 16-bit first (its numbers stay what they are); both programs start from that file. Times are of
the whole programs, in turn, the best of -r runs each. The divergence is the mean KL divergence of `engine perplexity` for both
results, against the logits of the 16-bit file. "same" is the part of our file, from its end, that has the bytes of the other one.
The rival is the package llama-cpp-python of the Python given by --python, as a black box. Writes quantize.md to the folder.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLACK_BOX = ROOT / "scripts" / "lib" / "llama_quantize_box.py"
TYPES = {"Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q5_1": 9, "Q5_0": 8, "Q4_K_M": 15, "Q4_K_S": 14, "Q4_1": 3, "Q4_0": 2, "IQ4_NL": 25,
         "IQ4_XS": 30, "Q3_K_L": 13, "Q3_K_M": 12, "Q3_K_S": 11, "Q2_K": 10}


def call(words):
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"error: {' '.join(str(w) for w in words)}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def timed(words):
    begin = time.monotonic()
    out = call(words)
    return time.monotonic() - begin, out


def mean_kld(text):
    """(value, error) of the line `Mean    KLD: ...`."""
    match = re.search(r"^Mean\s+KLD\s*:\s*(-?[\d.]+) ± \s*([\d.]+)", text, re.M)
    if not match:
        sys.exit(f"error: no divergence in the output of perplexity:\n{text[-1000:]}")
    return float(match[1]), float(match[2])


def same_tail(a, b, step=1 << 16):
    """Bytes at the end of both files that are equal."""
    with open(a, "rb") as f, open(b, "rb") as g:
        size_a, size_b = f.seek(0, 2), g.seek(0, 2)
        same = 0
        while same < min(size_a, size_b):
            n = min(step, min(size_a, size_b) - same)
            f.seek(size_a - same - n), g.seek(size_b - same - n)
            x, y = f.read(n), g.read(n)
            if x != y:
                while n > 0 and x[n - 1] == y[n - 1]:
                    n, same = n - 1, same + 1
                break
            same += n
        return same


def table(model, rows):
    out = [f"### {model}", "", "| type | size MiB | ours s | llama.cpp s | speed | KLD ours | KLD llama.cpp | ratio | same |", "|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        ratio = r["ours_kld"] / r["theirs_kld"] if r["theirs_kld"] > 0 else 1.0
        out.append(f"| {r['type']} | {r['bytes'] / 2**20:.1f} | {r['ours_s']:.2f} | {r['theirs_s']:.2f} | {r['theirs_s'] / r['ours_s']:.2f}x | "
                   f"{r['ours_kld']:.6f} | {r['theirs_kld']:.6f} | {ratio:.3f} | {100 * r['same'] / r['bytes']:.1f} % |")
    return "\n".join(out) + "\n"


def compare(args, model, text, folder):
    source, base = folder / "source.gguf", folder / "base.logits"
    call([args.engine, "quantize", "--allow-requantize", model, source, "F16"])
    measure = ["-c", 512, "--chunks", args.chunks, "-t", args.t]
    call([args.engine, "perplexity", source, "-f", text, "--save-all-logits", base, *measure])
    rows = []
    for name in args.types.split(","):
        ours, theirs = folder / "ours.gguf", folder / "theirs.gguf"
        ours_s, theirs_s = [], []
        for _ in range(args.r):
            seconds, _ = timed([args.engine, "quantize", "-t", args.t, source, ours, name])
            ours_s.append(seconds)
            out = call([args.python, BLACK_BOX, source, theirs, TYPES[name], args.t])
            theirs_s.append(float(re.search(r"seconds ([\d.]+)", out)[1]))
        klds = [mean_kld(call([args.engine, "perplexity", file, "--kl-divergence-base", base, *measure]))[0] for file in (ours, theirs)]
        rows.append({"type": name, "bytes": ours.stat().st_size, "ours_s": min(ours_s), "theirs_s": min(theirs_s), "ours_kld": klds[0],
                     "theirs_kld": klds[1], "same": same_tail(ours, theirs)})
        print(table(pathlib.Path(model).name, rows[-1:]).splitlines()[-1], flush=True)
    return table(pathlib.Path(model).name, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--python", required=True)
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("-t", type=int, default=2)
    parser.add_argument("-r", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--text", help="the text of the divergence (the documents of the repository)")
    parser.add_argument("--engine", default=str(ROOT / "build/release/bin/engine"))
    parser.add_argument("--out", default=str(ROOT / "build/compare"))
    args = parser.parse_args()
    unknown = [t for t in args.types.split(",") if t not in TYPES]
    if unknown:
        sys.exit(f"error: unknown type {unknown[0]}: choose of {', '.join(TYPES)}")
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = pathlib.Path(name)
        text = args.text
        if text is None:
            text = folder / "text.md"
            text.write_text("\n\n".join(p.read_text() for p in sorted((ROOT / "docs").glob("*.md"))))
        report = "\n".join(compare(args, model, text, folder) for model in args.models)
    (out / "quantize.md").write_text(report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()
