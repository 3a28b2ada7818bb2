"""A comparison with llama.cpp as Markdown and as a chart."""


def interval(low, high):
    """A range with as many digits as tell its ends apart."""
    digits = 0 if low >= 100 else 1
    return f"{low:.{digits}f}-{high:.{digits}f}"


def speed(median, span):
    return f"{median:.{0 if median >= 100 else 1}f} ({interval(*span)})"


def met(row, goals):
    """Whether the goal is reached: the ratio, or, for generation, 90 % of what memory can deliver."""
    if row["ratio"] >= goals["pp" if row["test"].startswith("pp") else "tg"]:
        return "yes"
    if row["test"].startswith("tg") and row["read_percent"] >= 90:
        return "yes, at the read bandwidth"
    return "no"


def markdown(rows, facts):
    lines = [
        f"{facts['date']}, {facts['cpu']}, {facts['cores']} cores; engine {facts['commit']}{facts['isa_note']}, llama.cpp: {facts['rival']}. "
        f"Same file and number of threads, flash attention on in both. Tokens per second: medians of alternating runs "
        f"(minimum-maximum); ratio: median of the pairs.", "",
        "| Model | Test | Threads | engine | llama.cpp | Ratio | Bytes read | Products | Pairs | Goal |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|---|"]
    for r in rows:
        pairs = f"{r['pairs']}" + (f", {r['discarded']} discarded" if r["discarded"] else "") + ("" if r["quiet"] else ", disturbed")
        low, high = r["ratio_range"]
        lines.append(
            f"| {r['model']} | {r['test']} | {r['threads']} | {speed(r['ours'], r['ours_range'])} | {speed(r['theirs'], r['theirs_range'])} | "
            f"**{r['ratio']:.2f}** ({low:.2f}-{high:.2f}) | {r['gb_per_s']:.1f} GB/s, {r['read_percent']:.0f} % | "
            f"{r['gmac_per_s']:.0f} GMAC/s, {r['mac_percent']:.0f} % | {pairs} | {met(r, facts['goals'])} |")
    lines += ["", "Percentages are of the read bandwidth and of the peak of the multipliers, measured in the same runs:"]
    for threads, roof in sorted(facts["roofs"].items()):
        lines.append(f"- {threads} thread{'s' if int(threads) > 1 else ''}: read {interval(*roof['read'])} GB/s, int8 {interval(*roof['int8'])} GMAC/s, "
                     f"f32 {interval(*roof['f32'])} GMAC/s")
    lines += ["", f"Flags: {facts['flags']}. Governor {facts['governor']}, huge pages {facts['huge_pages']}. Load {facts['load_before']:.2f} before, "
              f"{facts['load_after']:.2f} after; steal {facts['steal']:.1f} %, other processes {facts['foreign']:.1f} % over the whole run. "
              f"A pair with more than {facts['limit']:g} % of either is discarded. Goal: ratio {facts['goals']['pp']:g} for prompts, "
              f"{facts['goals']['tg']:g} or 90 % of the read bandwidth for generation.",
              "", f"engine: {facts['version']}", "", f"llama.cpp: {facts['rival_system']}"]
    return "\n".join(lines) + "\n"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def svg(rows):
    """Bars of the ratio with the range of the pairs; the dashed line marks 1."""
    width, row_height, left = 720, 28, 320
    scale = (width - left - 70) / max(1.5, max(r["ratio_range"][1] for r in rows))
    bottom = 28 + row_height * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 12}" font-family="sans-serif" font-size="12">',
           '<text x="10" y="16">speed of engine relative to llama.cpp, with the range of the pairs</text>']
    for i, r in enumerate(rows):
        y = 28 + i * row_height
        low, high = (left + v * scale for v in r["ratio_range"])
        out.append(f'<text x="10" y="{y + 14}">{escape(r["model"])[:30]} {r["test"]}, {r["threads"]} t</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{r["ratio"] * scale:.1f}" height="20" fill="{"#2a7" if r["ratio"] >= 1 else "#c64"}"/>')
        out.append(f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 10}" y2="{y + 10}" stroke="#333"/>')
        out.append(f'<text x="{high + 6:.1f}" y="{y + 14}">{r["ratio"]:.2f}</text>')
    out.append(f'<line x1="{left + scale:.1f}" x2="{left + scale:.1f}" y1="22" y2="{bottom}" stroke="#333" stroke-dasharray="3"/></svg>')
    return "\n".join(out) + "\n"
