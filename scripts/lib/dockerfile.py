"""Reads a Dockerfile and knows what a good one looks like."""
import fnmatch
import json
import pathlib
import re

APT_LISTS = "rm -rf /var/lib/apt/lists/*"
KNOWN = {"FROM", "RUN", "CMD", "LABEL", "EXPOSE", "ENV", "COPY", "ENTRYPOINT", "VOLUME", "USER", "WORKDIR", "ARG", "STOPSIGNAL", "HEALTHCHECK", "SHELL"}


class Instruction:
    def __init__(self, line, name, text):
        self.line, self.name, self.text = line, name, text


def instructions(text):
    """All of them, continued lines joined, comments left out."""
    out, begun = [], None
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#") or (begun is None and not line.strip()):
            continue
        if begun is None:
            name, _, rest = line.strip().partition(" ")
            begun = Instruction(number, name.upper(), rest.strip())
        else:
            begun.text += " " + line.strip()
        if begun.text.endswith("\\"):
            begun.text = begun.text[:-1].rstrip()
        else:
            out.append(begun)
            begun = None
    if begun is not None:
        out.append(begun)
    return out


def stages(text):
    """[(name, image, instructions after FROM)]"""
    out = []
    for i in instructions(text):
        if i.name == "FROM":
            words = i.text.split()
            out.append((words[2] if len(words) == 3 and words[1].upper() == "AS" else str(len(out)), words[0], []))
        elif out:
            out[-1][2].append(i)
    return out


def environment(stage):
    """Of `ENV A=b C=d` lines."""
    return dict(word.split("=", 1) for i in stage if i.name == "ENV" for word in i.text.split())


def apt_packages(run):
    """What a RUN line installs; names only, no $(...)."""
    match = re.search(r"apt-get install ([^&;|]*)", re.sub(r"\$\([^)]*\)", "", run))
    return [word for word in match.group(1).split() if not word.startswith("-")] if match else []


def ignored(path, patterns):
    """By the rules of .dockerignore: the last pattern that matches the path or a folder above it decides."""
    out = False
    parts = path.split("/")
    above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    for pattern in patterns:
        negated, pattern = pattern.startswith("!"), pattern.lstrip("!").rstrip("/")
        names = [pattern, pattern[3:]] if pattern.startswith("**/") else [pattern]
        if any(fnmatch.fnmatchcase(p, n) for p in above for n in names):
            out = not negated
    return out


def _check_run(i):
    for tool in ("apt ", "sudo "):
        if re.search(rf"(^|[;&|]\s*){tool}", i.text):
            yield f"{tool.strip()} has no place in a Dockerfile"
    if re.search(r"apt-get (dist-)?upgrade", i.text):
        yield "an upgrade belongs into the base image"
    if "apt-get install" not in i.text:
        return
    if not re.search(r"apt-get update\s*&&", i.text):
        yield "apt-get install without apt-get update in the same RUN uses old lists"
    if "--no-install-recommends" not in i.text:
        yield "apt-get install without --no-install-recommends"
    if not re.search(r"install (-\S+ )*-y\b", i.text):
        yield "apt-get install without -y waits for an answer"
    if not i.text.rstrip().endswith(APT_LISTS):
        yield f"the lists of apt stay in the image: end with `&& {APT_LISTS}`"
    names = apt_packages(i.text)
    if names != sorted(set(names)):
        yield "packages are not sorted, or twice"


def _check_copy(i, names, root, patterns):
    words = i.text.split()
    flags, sources = [w for w in words if w.startswith("--")], [w for w in words if not w.startswith("--")][:-1]
    for flag in flags:
        if flag.startswith("--from=") and flag[7:] not in names:
            yield f"{flag}: no such stage"
    if any(flag.startswith("--from=") for flag in flags):
        return
    for source in sources:
        if not list(root.glob(source)) if source != "." else False:
            yield f"COPY {source}: there is no such file"
        elif source != "." and ignored(source, patterns):
            yield f"COPY {source}: .dockerignore leaves it out"


def check(text, root, patterns):
    """Yields (line, problem). root: the folder that is built from; patterns: of its .dockerignore."""
    root = pathlib.Path(root)
    names = []
    for i in instructions(text):
        problems = []
        if i.name not in KNOWN:
            problems.append("use COPY" if i.name == "ADD" else f"{i.name} is no instruction we use")
        elif i.name == "FROM":
            words = i.text.split()
            if words[0] != "scratch" and words[0] not in names and (":" not in words[0] or words[0].endswith(":latest")):
                problems.append(f"{words[0]}: name a version of the image, not the latest")
            names.append(words[2] if len(words) == 3 else str(len(names)))
        elif i.name == "RUN":
            problems += _check_run(i)
        elif i.name == "COPY":
            problems += _check_copy(i, names, root, patterns)
        elif i.name == "WORKDIR" and not i.text.startswith("/"):
            problems.append("WORKDIR needs a full path")
        elif i.name in ("CMD", "ENTRYPOINT") or (i.name == "HEALTHCHECK" and "CMD" in i.text):
            form = i.text.split("CMD", 1)[1] if i.name == "HEALTHCHECK" else i.text
            try:
                words = json.loads(form)
                good = isinstance(words, list) and all(isinstance(word, str) for word in words)
            except ValueError:
                good = False
            if not good:
                problems.append(f"{i.name} in the form of a list: a shell in between would take the signals")
        for problem in problems:
            yield i.line, problem
