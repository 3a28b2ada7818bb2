#!/usr/bin/env python3
"""Checks who includes whom: the layers of the folders (table RULES) and the homes of the libraries (table LIBRARIES).

docs/ARCHITECTURE.md explains the layers. An include stays in its folder or goes to a folder of the table; a third-party header
appears only in the files that its row names.
"""
import pathlib
import re
import subprocess
import sys

L2 = ["engine/model", "engine/vision", "engine/cache", "engine/graph", "engine/text", "engine/sample", "engine/grammar"]
KERNEL_HEADERS = ["kernels", "kernels/plan", "kernels/types"]

# Folder (longest prefix wins): folders it may include besides itself. "kernels" alone means kernels/*.h.
RULES = {
    "include": [],
    "engine/core": [],
    "engine/roofs": ["engine/core"],
    "gguf": ["engine/core"],
    "kernels": ["engine/core"] + KERNEL_HEADERS,
    "kernels/plan": ["engine/core"] + KERNEL_HEADERS,
    "kernels/types": ["engine/core"] + KERNEL_HEADERS,
    "kernels/cpu": ["engine/core"] + KERNEL_HEADERS,
    "kernels/cuda": ["engine/core"] + KERNEL_HEADERS,
    "kernels/vulkan": ["engine/core"] + KERNEL_HEADERS,
    "engine/graph": ["engine/core"] + KERNEL_HEADERS,
    "engine/model": ["engine/graph", "engine/text", "gguf", "engine/core"] + KERNEL_HEADERS,
    "engine/vision": ["engine/model", "engine/graph", "gguf", "engine/core"],
    "engine/text": ["engine/core"],
    "engine/sample": ["engine/core"],
    "engine/grammar": ["engine/sample", "engine/core"],
    "engine/cache": ["engine/core"] + KERNEL_HEADERS,
    "engine/run": L2 + ["gguf", "engine/core"] + KERNEL_HEADERS,
    # engine/text: the characters of Modelfiles, and templates that are checked before they are stored.
    "engine/store": ["engine/text", "gguf", "engine/core"],
    # kernels/types: the number formats that weights are written in.
    "engine/convert": ["gguf", "engine/core", "kernels/types"],
    # engine/quantize: the types that a synthetic model gets.
    "engine/tools": L2 + ["engine/run", "engine/store", "engine/quantize", "engine/roofs", "gguf", "engine/core"] + KERNEL_HEADERS,
    "engine/quantize": L2 + ["engine/run", "gguf", "engine/core"] + KERNEL_HEADERS,
    "engine/capi": ["engine/run", "engine/text", "engine/sample", "engine/core", "include"],
    "server": ["engine/run", "engine/store", "engine/convert", "engine/tools", "engine/quantize", "engine/roofs", "engine/text", "engine/sample", "engine/grammar", "engine/vision", "engine/core"],
}
# Single files that may go further: the list of backends, and the one place that turns a file's vocabulary into plain data.
EXTRA = {
    "kernels/backends.cpp": ["kernels/cpu", "kernels/cuda", "kernels/vulkan"],
}
EVERYTHING = ("bench/", "tests/", "examples/")

# Pattern of the header: patterns of the files that may include it.
LIBRARIES = [
    # session_impl.h, request_body.h: the class of session.cpp and session_reply.cpp and the body type of its parser, for these alone.
    (r"boost/(beast|asio)", [r"server/http/(listener|session|session_reply|runtime|beast_impl)\.cpp", r"server/http/(request_body|session_impl)\.h"]),
    (r"boost/", [r"server/http/(listener|session|session_reply|runtime|beast_impl)\.cpp", r"server/http/(request_body|session_impl)\.h"]),
    (r"CLI/", [r"server/cli/flags\.cpp"]),
    (r"nlohmann/json_fwd\.hpp", [r"(server|engine/(core|text|sample|grammar|store|convert|tools|capi))/.*\.(h|cpp)"]),
    # ask.h, session_commands.h: the settings of a question and the messages of a session are JSON values; create.h, recipe.h: the
    # parameters and messages of a model.
    (r"nlohmann/json\.hpp", [r"(server|engine/(core|text|sample|grammar|store|convert|tools|capi)|gguf)/.*\.cpp", r"server/cli/(ask|session_commands)\.h", r"engine/store/(create|recipe)\.h", r"engine/text/jinja/.*\.h"]),
    (r"spdlog/", [r"engine/core/log\.cpp"]),
    (r"fmt/", [r"(?!.*_(scalar|avx2|avxvnni|avx512|avx512vnni|neon|dotprod|i8mm)\.cpp).*\.(cpp|cu)", r"engine/core/log\.h"]),
    (r"pcre2", [r"engine/text/pretokenize\.cpp"]),
    (r"utf8proc", [r"engine/text/unicode\.cpp", r"server/cli/text_width\.cpp"]),
    (r"openssl/", [r"engine/core/sha256\.cpp", r"engine/store/auth\.cpp"]),
    (r"curl/", [r"engine/store/transfer\.cpp", r"server/cli/client\.cpp"]),
    (r"(stb_|webp/)", [r"engine/vision/image\.cpp"]),
    (r"xsimd/", [r"kernels/cpu/elementwise/.*"]),
    (r"omp\.h", [r"engine/core/pool_openmp\.cpp"]),
    (r"cuda", [r"kernels/cuda/.*"]),
    (r"vulkan/vulkan", [r"kernels/vulkan/.*"]),
    (r"(Eigen/|benchmark/|gtest/|gmock/)", []),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    """The row of RULES that a file belongs to; of kernels/ the row 'kernels' for the files directly in it."""
    parts = path.split("/")
    for n in range(min(2, len(parts) - 1), 0, -1):
        prefix = "/".join(parts[:n])
        if prefix in RULES:
            return prefix
    return None


def check_own(path, target, root):
    if not (root / target).exists():
        return None  # made by the build; its own file is checked where it stands
    source_folder, target_folder = folder_of(path), folder_of(target)
    if source_folder is None or path.startswith(EVERYTHING):
        return None
    if target_folder is None:
        return f"{target} is in no folder of the table"
    allowed = RULES[source_folder] + EXTRA.get(path, [])
    if target_folder != source_folder and target_folder not in allowed:
        return f"{source_folder} may not include {target}"
    return None


def check_library(path, header):
    if path.startswith(EVERYTHING):
        return None
    for pattern, homes in LIBRARIES:
        if re.match(pattern, header):
            if any(re.fullmatch(home, path) for home in homes):
                return None
            return f"<{header}> may not be included here"
    return None


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.c", "*.cpp", "*.inc", "*.cu", "*.cuh"], cwd=root, capture_output=True,
                            text=True, check=True).stdout.split("\n")
    errors = 0
    for path in sorted(set(filter(None, listed))):
        file = root / path
        if not file.exists():
            continue
        for number, line in enumerate(file.read_text(errors="replace").split("\n"), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, header = match.groups()
            problem = check_own(path, header, root) if quote == '"' else check_library(path, header)
            if problem:
                print(f"error: {path}:{number}: {problem}", file=sys.stderr)
                errors += 1
    if errors:
        sys.exit(1)


if __name__ == "__main__":
    main()
