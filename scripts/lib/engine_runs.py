"""Runs of `engine bench`, or of llama-bench, whose flags and JSON are the same."""
import json
import os
import re
import subprocess
import sys


def run(command, env=None):
    result = subprocess.run(command, capture_output=True, text=True, env=env)
    if result.returncode != 0:
        sys.exit(f"error: {' '.join(map(str, command[:4]))} ... failed:\n{result.stderr[-2000:]}")
    return result.stdout


def bench_rows(command, flags, isa=""):
    """The rows of one run. isa: value of ENGINE_ISA."""
    env = dict(os.environ, ENGINE_ISA=isa) if isa else None
    return json.loads(run([*command, *flags, "-o", "json"], env))


def test_name(row):
    """As `engine bench` writes it in its table: "pp512", "tg32 x8 @ d512"."""
    parts = ([f"pp{row['n_prompt']}"] if row["n_prompt"] else []) + ([f"tg{row['n_gen']}"] if row["n_gen"] else [])
    name = "+".join(parts)
    if row.get("n_parallel", 1) > 1:
        name += f" x{row['n_parallel']}"
    return name + (f" @ d{row['n_depth']}" if row["n_depth"] else "")


def build_of(engine):
    """Commit, compiler and instruction sets of a program, as it says them."""
    text = run([engine, "--version"])
    commit = re.search(r"commit (\S+?),", text)
    return {"commit": commit.group(1) if commit else "unknown", "version": " ".join(text.split())}
