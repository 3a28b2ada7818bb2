#!/usr/bin/env python3
"""Starts a new CPU kernel: copies the nearest existing one under a new name and adds its line to kernels.inc.

    new_kernel.py OP TYPE ISA [VARIANT]        new_kernel.py matmul q4_k avx2 wide
                                               new_kernel.py rms_norm - avx512        ("-": an operator without weight type)

The result builds and passes the conformance tests as it is; then make it faster. A variant is ranked one above what it was copied
from, so that it is the one picked. docs/KERNELS.md goes through an example.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPU = ROOT / "kernels" / "cpu"
LIST = CPU / "kernels.inc"
ISAS = ["scalar", "avx2", "avx512", "avx512vnni"]
DEFINITION = re.compile(r"^extern constinit const Kernel<Ctx> (\w+) =.*?;\n", re.S | re.M)


def fail(text):
    sys.exit(f"error: {text}")


def source_of(op, kind, isa):
    """The file and the object to copy: the same ISA if there is one, else the next lower; for a matmul without the type, q8_0."""
    names = [f"{op}_{kind}" if kind != "-" else op]
    if op in ("matmul", "expert_matmul"):
        names.append(f"{op}_q8_0")
    for name in names:
        for lower in reversed(ISAS[: ISAS.index(isa) + 1]):
            wanted = f"{name}_{lower}"
            for path in sorted(CPU.rglob(f"*_{lower}.cpp")):
                if any(m.group(1) == wanted for m in DEFINITION.finditer(path.read_text())):
                    return path, wanted, lower
    fail(f"there is no kernel of {op} {kind} to copy")


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[3] not in ISAS:
        sys.exit(__doc__ + f"\nISA is one of: {', '.join(ISAS)}")
    op, kind, isa = sys.argv[1:4]
    variant = sys.argv[4] if len(sys.argv) == 5 else ""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", op) or not re.fullmatch(r"-|[a-z][a-z0-9_]*", kind) or not re.fullmatch(r"[a-z0-9]*", variant):
        fail("names are lower case letters, digits and _")
    source, old_object, old_isa = source_of(op, kind, isa)
    what = "_".join(filter(None, [op, kind if kind != "-" else "", variant]))
    new_object = f"{what}_{isa}"
    stem = "_".join(filter(None, [kind if op in ("matmul", "expert_matmul") else op, variant, isa]))
    target = source.parent / f"{stem}.cpp"
    if target.exists():
        fail(f"{target.relative_to(ROOT)} exists; name a VARIANT")

    text = source.read_text()
    for match in list(DEFINITION.finditer(text)):
        if match.group(1) != old_object:
            text = text.replace(match.group(0), "")
    definition = next(DEFINITION.finditer(text)).group(0)
    changed = definition.replace(old_object, new_object)
    new_id_end = "/".join(filter(None, [isa, variant]))
    changed = re.sub(r'"(\w+/\w+)/\w+"', lambda m: f'"{m.group(1).split("/")[0]}/{kind if kind != "-" else op}/{new_id_end}"', changed, count=1)
    if variant:
        changed = re.sub(r", (\d+)\)", lambda m: f", {int(m.group(1)) + 1})", changed, count=1)
    target.write_text(text.replace(definition, changed))

    lines = LIST.read_text().split("\n")
    at = max((i for i, line in enumerate(lines) if f"KERNEL({old_object})" in line), default=None)
    if at is None:  # listed by an expansion: behind the last line of the folder's ISA
        at = max((i for i, line in enumerate(lines) if f"_{isa})" in line or "#if ENGINE_X86" in line), default=len(lines) - 1)
    lines.insert(at + 1, f"KERNEL({new_object})")
    LIST.write_text("\n".join(lines))
    print(f"{target.relative_to(ROOT)}   copied from {source.name}; listed in kernels/cpu/kernels.inc as {new_object}")
    if old_isa != isa:
        print(f"it still computes as {old_isa}: change what it needs, its rank and its body")
    print(f"next: ninja -C build/dev test_kernels && build/dev/bin/test_kernels --gtest_filter='*{isa}*'")


if __name__ == "__main__":
    main()
