#!/usr/bin/env python3
"""Checks a model store by the rules of its format alone, independent of the engine's code: check_store.py ROOT

Names, the bytes of manifests, media types, sizes and SHA-256 of all blobs, the JSON of configs, parameters and messages. Prints what is
wrong and exits with 1; else prints the names.
"""
import hashlib
import json
import pathlib
import re
import sys

WORD = r"[A-Za-z0-9_]"
PARTS = {"host": WORD + r"[A-Za-z0-9_.:-]{0,349}", "namespace": WORD + r"[A-Za-z0-9_-]{0,79}", "model": WORD + r"[A-Za-z0-9_.-]{0,79}",
         "tag": WORD + r"[A-Za-z0-9_.-]{0,79}"}
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
IMAGE = "application/vnd.ollama.image."
CONFIG_KEYS = ["model_format", "model_family", "model_families", "model_type", "file_type", "renderer", "parser", "requires", "remote_host",
               "remote_model", "capabilities", "context_length", "embedding_length", "base_name", "draft", "architecture", "os"]


def blob_of(root, layer, problems, name):
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", layer.get("digest", "")):
        problems.append(f"{name}: bad digest {layer.get('digest')!r}")
        return None
    path = root / "blobs" / layer["digest"].replace(":", "-")
    if not path.is_file():
        problems.append(f"{name}: {path.name} is missing")
        return None
    data = path.read_bytes()
    if len(data) != layer["size"] or hashlib.sha256(data).hexdigest() != layer["digest"][7:]:
        problems.append(f"{name}: {path.name} is damaged")
        return None
    return data


def check_layer(layer, data, problems, name):
    kind = layer["mediaType"].removeprefix(IMAGE)
    if kind in ("model", "projector", "adapter", "draft") and data[:4] != b"GGUF":
        problems.append(f"{name}: the {kind} is no GGUF file")
    if kind in ("params", "messages"):
        wanted = dict if kind == "params" else list
        if not isinstance(json.loads(data), wanted) or not data.endswith(b"\n"):
            problems.append(f"{name}: the {kind} are no {wanted.__name__} with a newline")


def check_manifest(root, path, problems):
    parts = path.relative_to(root / "manifests").parts
    name = "/".join(parts[:3]) + ":" + parts[3]
    for part, pattern in zip(parts, PARTS.values()):
        if not re.fullmatch(pattern, part):
            problems.append(f"{name}: bad part {part!r}")
    raw = path.read_bytes()
    manifest = json.loads(raw)
    if list(manifest)[:4] != ["schemaVersion", "mediaType", "config", "layers"] or manifest["schemaVersion"] != 2 or manifest["mediaType"] != MANIFEST:
        problems.append(f"{name}: the keys of the manifest")
    config = blob_of(root, manifest["config"], problems, name)
    if manifest["config"]["mediaType"] != CONFIG:
        problems.append(f"{name}: the type of the config")
    if config is not None:
        keys = list(json.loads(config))
        known = [key for key in CONFIG_KEYS if key in keys]
        if [key for key in keys if key in CONFIG_KEYS] != known or not {*CONFIG_KEYS[:5], *CONFIG_KEYS[-2:]} <= set(keys):
            problems.append(f"{name}: the keys of the config")
    for layer in manifest["layers"]:
        data = blob_of(root, layer, problems, name)
        if data is not None:
            check_layer(layer, data, problems, name)
    return name


def main():
    root = pathlib.Path(sys.argv[1])
    problems, names = [], []
    for path in sorted((root / "manifests").glob("*/*/*/*")):
        names.append(check_manifest(root, path, problems))
    print("\n".join(problems or names))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
