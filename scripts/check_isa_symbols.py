#!/usr/bin/env python3
"""Checks the objects that are compiled for newer instructions than the baseline (files with an ISA suffix).

    check_isa_symbols.py BUILD

The linker keeps one copy of an inline function, whoever compiled it: if an AVX2 file defines one, the whole program may get the
AVX2 copy and crash on an older processor. So such an object exports kernels, packings and drive functions of namespace
engine::cpu, and no function that other files could define too (weak symbols).
"""
import pathlib
import re
import subprocess
import sys

SUFFIX = re.compile(r"_(avx2|avxvnni|avx512|avx512vnni|dotprod|i8mm)\.(cpp|c)\.o$")
# Data: Kernel and Pack objects. Functions: drivers.
ALLOWED = re.compile(r"^engine::(cpu::)?(\w+::)?((drive|drive_\w+|\w+_drive)\(.*|[a-z]\w*)$")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_isa_symbols.py BUILD")
    objects = [o for o in pathlib.Path(sys.argv[1]).rglob("*.o") if SUFFIX.search(o.name)]
    if not objects:
        sys.exit(f"error: no ISA objects under {sys.argv[1]}: is it built?")
    errors = 0
    for path in sorted(objects):
        text = subprocess.run(["nm", "--defined-only", "--extern-only", "--demangle", str(path)], capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            parts = line.split(maxsplit=2)
            if len(parts) != 3:
                continue
            _, kind, name = parts
            if kind in "Vvu":
                continue  # constant data of a header: holds no instructions
            if kind in "Ww":
                problem = "a weak symbol: some inline function was not inlined"
            elif kind in "TDBRG" and ALLOWED.match(name):
                continue
            else:
                problem = "not a kernel, a packing or a drive function"
            print(f"error: {path.name}: {name} ({kind}): {problem}", file=sys.stderr)
            errors += 1
    if errors:
        sys.exit(1)
    print(f"{len(objects)} ISA objects export nothing but kernels")


if __name__ == "__main__":
    main()
