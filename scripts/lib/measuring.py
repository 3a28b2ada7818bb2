"""Measuring two programs honestly: alternating pairs, what else the machine did meanwhile, medians and spreads."""
import dataclasses
import datetime
import os
import pathlib
import re
import resource
import statistics


def ratio_summary(pairs):
    """Of (ours, theirs): medians of both, median and range of the ratio of each pair."""
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    ratios = [a / b for a, b in pairs if b > 0]
    return {
        "ours": statistics.median(ours), "ours_range": [min(ours), max(ours)],
        "theirs": statistics.median(theirs), "theirs_range": [min(theirs), max(theirs)],
        "ratio": statistics.median(ratios), "ratio_range": [min(ratios), max(ratios)],
        "pairs": len(pairs), "samples": [list(p) for p in pairs],
    }


@dataclasses.dataclass
class Ticks:
    """CPU time of the whole machine and of this process with its finished children, in seconds."""
    total: float
    busy: float
    steal: float
    own: float


def parse_stat(text, hz):
    """The first line of /proc/stat: user nice system idle iowait irq softirq steal. Returns total, busy, steal in seconds."""
    n = [int(v) / hz for v in text.split("\n", 1)[0].split()[1:9]]
    steal = n[7] if len(n) > 7 else 0.0
    return sum(n), sum(n) - n[3] - n[4] - steal, steal


def ticks():
    total, busy, steal = parse_stat(pathlib.Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))
    own = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        own += usage.ru_utime + usage.ru_stime
    return Ticks(total, busy, steal, own)


def disturbance(before, after):
    """Percent of the machine's time that the host took (steal) and that other processes took."""
    total = after.total - before.total
    if total <= 0:
        return {"steal": 0.0, "foreign": 0.0}
    foreign = (after.busy - before.busy) - (after.own - before.own)
    return {"steal": 100 * (after.steal - before.steal) / total, "foreign": 100 * max(0.0, foreign) / total}


@dataclasses.dataclass
class Pairs:
    kept: list        # [(first, second)]
    discarded: list   # the disturbance of each discarded pair
    quiet: bool = True  # False: so few were undisturbed that all were kept


def alternate(first, second, rounds, limit, say=lambda text: None, clock=ticks):
    """Runs first() and second() in turn, the order changing from pair to pair, until `rounds` pairs ran undisturbed: neither steal
    nor other processes above `limit` percent. After three times as many pairs it takes what there is; when fewer than half of the
    rounds were undisturbed, all pairs are kept and marked."""
    kept, loud, noise = [], [], []
    while len(kept) < rounds and len(kept) + len(loud) < 3 * rounds:
        number = len(kept) + len(loud)
        before = clock()
        if number % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        seen = disturbance(before, clock())
        quiet = max(seen.values()) <= limit
        (kept if quiet else loud).append((a, b))
        if not quiet:
            noise.append(seen)
        say(f"pair {number + 1}: steal {seen['steal']:.1f} %, others {seen['foreign']:.1f} %{'' if quiet else ': discarded'}")
    if 2 * len(kept) < rounds:
        return Pairs(kept + loud, [], False)
    return Pairs(kept, noise)


def discarded_text(pairs):
    if not pairs.quiet:
        return "the machine was never quiet: disturbed pairs are kept"
    if not pairs.discarded:
        return "no pair discarded"
    worst = max(max(d.values()) for d in pairs.discarded)
    return f"{len(pairs.discarded)} disturbed pair{'s' if len(pairs.discarded) > 1 else ''} discarded (up to {worst:.0f} % steal or other load)"


def first_line(path):
    try:
        return pathlib.Path(path).read_text().strip().split("\n")[0]
    except OSError:
        return "unknown"


def machine():
    """What a reader must know about the machine."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", info)
    flags = re.search(r"flags\s*: (.*)", info)
    wanted = [f for f in (flags.group(1).split() if flags else []) if re.match(r"(avx|fma|f16c|amx|sse4)", f)]
    return {"date": datetime.date.today().isoformat(), "cpu": name.group(1) if name else "unknown", "cores": len(os.sched_getaffinity(0)),
            "flags": " ".join(wanted), "load_before": os.getloadavg()[0],
            "governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "huge_pages": first_line("/sys/kernel/mm/transparent_hugepage/enabled")}
