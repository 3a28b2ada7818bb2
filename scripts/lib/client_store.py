"""A model store for the tests of clients: one small model, and four that are made of it.

    smollm2   as it is: chat; no tools, no thinking
    tools     the same weights with a template that shows tools
    caller    that one with a grammar that leaves it nothing but one call: a client sees a call of a tool every time
    talker    the same weights with a grammar that has no end: it writes until somebody stops it
    embedder  the same weights with a pooling type: an embedding model
"""
import hashlib
import json
import pathlib
import struct

LIBRARY = "manifests/registry.ollama.ai/library"

TOOLS_TEMPLATE = """{{- if .Tools }}<|im_start|>system
Tools: {{ range .Tools }}{{ json .Function }}
{{ end }}Call one as <tool_call>{"name": NAME, "arguments": OBJECT}</tool_call>.<|im_end|>
{{ end }}
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}
{{- if .ToolCalls }}{{ range .ToolCalls }}<tool_call>
{"name": "{{ .Function.Name }}", "arguments": {{ json .Function.Arguments }}}
</tool_call>{{ end }}{{ end }}<|im_end|>
{{ end }}<|im_start|>assistant
"""

THE_CALL = r'''root ::= "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>"'''

NO_END = "root ::= [a-z ] root"


def with_pooling(source, dest):
    """A copy of a GGUF file with two more keys, which stand before the others and fill whole alignments, so that nothing else moves."""
    page = 4096
    with open(source, "rb") as file:
        magic, version, n_tensors, n_keys = struct.unpack("<4sIQQ", file.read(24))
        if magic != b"GGUF" or version < 2:
            raise ValueError(f"{source} is not a GGUF file of version 2 or 3")

        def key(name, kind, value):
            return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value

        pooling = key("llama.pooling_type", 4, struct.pack("<I", 1))  # uint32; 1: the mean
        empty = key("tests.filler", 8, struct.pack("<Q", 0))  # string
        n_filler = page - len(pooling) - len(empty)
        filler = key("tests.filler", 8, struct.pack("<Q", n_filler) + b" " * n_filler)
        with open(dest, "wb") as out:
            out.write(struct.pack("<4sIQQ", magic, version, n_tensors, n_keys + 2) + pooling + filler)
            while chunk := file.read(1 << 20):
                out.write(chunk)


def put_layer(store, kind, data):
    digest = hashlib.sha256(data).hexdigest()
    (store / "blobs" / f"sha256-{digest}").write_bytes(data)
    return {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def derive(store, base, name, template, params):
    """Another manifest over the weights of `base`."""
    manifest = json.loads((store / LIBRARY / base / "latest").read_text())
    manifest["layers"] = [layer for layer in manifest["layers"] if layer["mediaType"].endswith(".model")]
    if template:
        manifest["layers"].append(put_layer(store, "template", template.encode()))
    manifest["layers"].append(put_layer(store, "params", json.dumps(params).encode()))
    folder = store / LIBRARY / name
    folder.mkdir()
    (folder / "latest").write_text(json.dumps(manifest))


def fill(store, model_file, import_model):
    """import_model(file, name) puts a file into the store as a user would."""
    store = pathlib.Path(store)
    import_model(model_file, "smollm2")
    derive(store, "smollm2", "tools", TOOLS_TEMPLATE, {})
    derive(store, "smollm2", "caller", TOOLS_TEMPLATE, {"grammar": THE_CALL, "temperature": 0})
    # a penalty: after 30 equal tokens the server would end the answer
    derive(store, "smollm2", "talker", "", {"grammar": NO_END, "repeat_penalty": 1.5})
    pooled = store / "embedder.gguf"
    with_pooling(model_file, pooled)
    import_model(pooled, "embedder")
    pooled.unlink()
