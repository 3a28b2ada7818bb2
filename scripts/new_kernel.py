#!/usr/bin/env python3
"""Starts a new CPU kernel: copies the nearest existing one under a new name and adds its line to kernels.inc.

    new_kernel.py OP TYPE ISA [VARIANT]        new_kernel.py matmul q4_k avx2 wide      (or: matmul q4_k avx2_wide)
                                               new_kernel.py rms_norm - avx512          ("-": an operator without weight type)

The result builds and gives the results of its source; then make it faster. A variant is called OP/TYPE/ISA_VARIANT. Where the object
says its rank, it is ranked one above what it was copied from, so that it is the one picked; the matmuls get theirs from their ISA, and
ENGINE_KERNELS=OP/TYPE=ISA_VARIANT picks the variant. To take it away again delete the file and its line.
docs/KERNELS.md goes through an example.
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
    args = sys.argv[1:]
    if len(args) == 3:  # avx2_wide is avx2 wide
        args = args[:2] + args[2].split("_", 1)
    if len(args) not in (3, 4):
        sys.exit(__doc__ + f"\nISA is one of: {', '.join(ISAS)}")
    op, kind, isa = args[:3]
    variant = args[3] if len(args) == 4 else ""
    if isa not in ISAS:
        fail(f"unknown ISA {isa}; it is one of: {', '.join(ISAS)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", op) or not re.fullmatch(r"-|[a-z][a-z0-9_]*", kind):
        fail("OP and TYPE are lower case letters, digits and _")
    if not re.fullmatch(r"[a-z0-9]*", variant):
        fail(f"a VARIANT is lower case letters and digits: {variant}")
    source, old_object, old_isa = source_of(op, kind, isa)
    what = "_".join(filter(None, [op, kind if kind != "-" else "", variant]))
    new_object = f"{what}_{isa}"
    stem = "_".join(filter(None, [kind if op in ("matmul", "expert_matmul") else op, variant, isa]))
    target = source.parent / f"{stem}.cpp"
    if target.exists():
        fail(f"{target.relative_to(ROOT)} exists; name a VARIANT")

    # A matmul brings its twin for experts: the tests compare the two.
    objects = {old_object: new_object}
    if op == "matmul":
        objects[f"expert_{old_object}"] = f"expert_{new_object}"
    isa_variant = "_".join(filter(None, [isa, variant]))
    text = source.read_text()
    listed, ranked, ids = [], False, []
    for match in list(DEFINITION.finditer(text)):
        definition, name = match.group(0), match.group(1)
        if name not in objects:
            text = text.replace(definition, "")
            continue
        changed = definition.replace(name, objects[name])
        changed = re.sub(r'"(\w+)/(\w+)/\w+"', lambda m: f'"{m.group(1)}/{kind if "matmul" in op else m.group(2)}/{isa_variant}"', changed, count=1)
        if variant:
            changed, n = re.subn(r", (\d+)\)", lambda m: f", {int(m.group(1)) + 1})", changed, count=1)
            ranked |= n > 0
        text = text.replace(definition, changed)
        listed.append(objects[name])
        ids.append(re.search(r'"(\w+/\w+)/(\w+)"', changed))
    text = re.sub(r"^// Measured.*\n(//  .*\n)*", "", text, flags=re.M)  # figures of the source
    target.write_text(text)

    lines = LIST.read_text().split("\n")
    at = max((i for i, line in enumerate(lines) if f"KERNEL({old_object})" in line), default=None)
    if at is None:  # listed by an expansion: behind the last line of the folder's ISA
        at = max((i for i, line in enumerate(lines) if f"_{isa})" in line or "#if ENGINE_X86" in line), default=len(lines) - 1)
    lines.insert(at + 1, " ".join(f"KERNEL({name})" for name in listed))
    LIST.write_text("\n".join(lines))
    print(f"{target.relative_to(ROOT)}   copied from {source.name}; listed in kernels/cpu/kernels.inc as {' and '.join(listed)}")
    if old_isa != isa:
        print(f"it still computes as {old_isa}: change what it needs, its rank and its body")
    first = ids[0]
    if first and variant and not ranked:
        print(f"its rank is that of its source: ENGINE_KERNELS={first.group(1)}={first.group(2)} picks it")
    test = first.group(0).strip('"').replace("/", "_") if first else new_object
    print(f"next: ninja -C build/bench test_kernels && build/bench/bin/test_kernels --gtest_filter='*/{test}'")


if __name__ == "__main__":
    main()
