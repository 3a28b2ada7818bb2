"""The arithmetic of the measuring scripts: statistics, disturbed pairs, names of tests, reports."""
import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from lib import bench_compare, comparison_report, engine_runs, measuring  # noqa: E402


def row(test="tg32 x8", ratio=0.9, read=95.0):
    return {"model": "a<b.gguf", "test": test, "threads": 2, "ours": 450.0, "ours_range": [440.0, 460.0], "theirs": 500.0,
            "theirs_range": [99.0, 510.0], "ratio": ratio, "ratio_range": [0.8, 1.0], "pairs": 5, "discarded": 2, "quiet": True,
            "gb_per_s": 30.0, "read_percent": read, "gmac_per_s": 50.0, "mac_percent": 10.0}


class Statistics(unittest.TestCase):
    def test_ratio_is_the_median_of_the_pairs(self):
        s = measuring.ratio_summary([(10, 5), (30, 10), (20, 20)])
        self.assertEqual((s["ours"], s["theirs"], s["ratio"]), (20, 10, 2))
        self.assertEqual(s["ratio_range"], [1, 3])
        self.assertEqual(s["pairs"], 3)

    def test_stat_line(self):
        total, busy, steal = measuring.parse_stat("cpu  100 20 30 500 50 5 5 40 7 0\ncpu0 ...", 10)
        self.assertEqual((total, busy, steal), (75, 16, 4))

    def test_disturbance(self):
        before, after = measuring.Ticks(0, 0, 0, 0), measuring.Ticks(100, 60, 3, 55)
        self.assertEqual(measuring.disturbance(before, after), {"steal": 3, "foreign": 5})
        self.assertEqual(measuring.disturbance(before, before), {"steal": 0, "foreign": 0})


class Alternation(unittest.TestCase):
    def run_pairs(self, busy, rounds=3):
        """busy: seconds that others took in each pair of 100 seconds."""
        order, state = [], {"pair": 0, "calls": 0, "total": 0.0, "busy": 0.0}

        def clock():
            if state["calls"] % 2 == 1:
                state["total"] += 100
                state["busy"] += busy[min(state["pair"], len(busy) - 1)]
                state["pair"] += 1
            state["calls"] += 1
            return measuring.Ticks(state["total"], state["busy"], 0, 0)

        pairs = measuring.alternate(lambda: order.append("a") or "a", lambda: order.append("b") or "b", rounds, 2, clock=clock)
        return pairs, "".join(order)

    def test_order_changes_from_pair_to_pair(self):
        pairs, order = self.run_pairs([0])
        self.assertEqual(order, "abbaab")
        self.assertEqual(pairs.kept, [("a", "b")] * 3)
        self.assertEqual(measuring.discarded_text(pairs), "no pair discarded")

    def test_disturbed_pairs_are_repeated(self):
        pairs, order = self.run_pairs([0, 50, 3, 0, 0])
        self.assertEqual((len(pairs.kept), len(pairs.discarded), len(order)), (3, 2, 10))
        self.assertEqual(measuring.discarded_text(pairs), "2 disturbed pairs discarded (up to 50 % steal or other load)")

    def test_a_machine_that_is_never_quiet(self):
        pairs, _ = self.run_pairs([0, 90])
        self.assertFalse(pairs.quiet)
        self.assertEqual(len(pairs.kept), 9)


class Report(unittest.TestCase):
    def test_names_of_tests(self):
        self.assertEqual(engine_runs.test_name({"n_prompt": 512, "n_gen": 0, "n_depth": 0}), "pp512")
        self.assertEqual(engine_runs.test_name({"n_prompt": 0, "n_gen": 32, "n_depth": 512, "n_parallel": 8}), "tg32 x8 @ d512")

    def test_two_builds(self):
        pairs = [({"pp8": 100.0, "gone": 1.0}, {"pp8": 110.0}), ({"pp8": 100.0, "gone": 1.0}, {"pp8": 130.0})]
        text = bench_compare.table(pairs, "old", "new")
        self.assertTrue(text.endswith("\n| pp8 | 100.0 (100.0-100.0) | 120.0 (110.0-130.0) | 1.200 | 1.100-1.300 | + |"), text)
        self.assertEqual(bench_compare.verdict([0.9, 0.99]), "-")
        self.assertEqual(bench_compare.verdict([0.9, 1.1]), "=")

    def test_goal(self):
        goals = {"pp": 2, "tg": 1}
        self.assertEqual(comparison_report.met(row(), goals), "yes, at the read bandwidth")
        self.assertEqual(comparison_report.met(row(read=89), goals), "no")
        self.assertEqual(comparison_report.met(row("pp512", 1.9), goals), "no")
        self.assertEqual(comparison_report.met(row("pp512", 2.0), goals), "yes")

    def test_markdown(self):
        facts = {"date": "2026-01-01", "cpu": "CPU", "cores": 2, "commit": "c0ffee", "isa_note": "", "rival": "r 1", "flags": "avx2",
                 "governor": "unknown", "huge_pages": "madvise", "load_before": 0.1, "load_after": 0.2, "steal": 0.0, "foreign": 0.1, "limit": 2,
                 "goals": {"pp": 1, "tg": 1}, "version": "v", "rival_system": "s", "roofs": {"2": {"read": [30, 40], "int8": [400, 410], "f32": [100, 101]}}}
        text = comparison_report.markdown([row()], facts)
        self.assertIn("| a<b.gguf | tg32 x8 | 2 | 450 (440-460) | 500 (99.0-510.0) | **0.90** (0.80-1.00) | 30.0 GB/s, 95 % | "
                      "50 GMAC/s, 10 % | 5, 2 discarded | yes, at the read bandwidth |", text)
        self.assertIn("- 2 threads: read 30.0-40.0 GB/s", text)

    def test_chart_is_xml(self):
        root = xml.etree.ElementTree.fromstring(comparison_report.svg([row(), row("pp512", 3.0)]))
        self.assertEqual(len(root.findall("{http://www.w3.org/2000/svg}rect")), 2)


if __name__ == "__main__":
    unittest.main()
