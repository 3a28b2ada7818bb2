"""The arithmetic of compare_quantize.py: what it reads from outputs and files, and its table."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import compare_quantize  # noqa: E402


class CompareQuantize(unittest.TestCase):
    def test_divergence_of_the_output(self):
        text = "Mean PPL(Q)                   :  12.000000 ±   0.100000\nMean    KLD                   :   0.012345 ±   0.000678\nMaximum KLD : 1\n"
        self.assertEqual(compare_quantize.mean_kld(text), (0.012345, 0.000678))
        with self.assertRaises(SystemExit):
            compare_quantize.mean_kld("nothing")

    def test_same_tail(self):
        with tempfile.TemporaryDirectory() as folder:
            a, b = pathlib.Path(folder) / "a", pathlib.Path(folder) / "b"
            a.write_bytes(b"header" + bytes(range(256)) * 600)
            b.write_bytes(b"longer header" + bytes(range(256)) * 600)
            self.assertEqual(compare_quantize.same_tail(a, b), 256 * 600 + len("header"))
            b.write_bytes(b"longer header" + bytes(range(256)) * 599 + b"x" + bytes(range(1, 256)))
            self.assertEqual(compare_quantize.same_tail(a, b), 255)

    def test_table(self):
        row = {"type": "Q4_0", "bytes": 2 << 20, "ours_s": 1.0, "theirs_s": 2.5, "ours_kld": 0.01, "theirs_kld": 0.02, "same": 1 << 20}
        self.assertIn("| Q4_0 | 2.0 | 1.00 | 2.50 | 2.50x | 0.010000 | 0.020000 | 0.500 | 50.0 % |", compare_quantize.table("m", [row]))

    def test_numbers_of_the_types_are_those_of_files(self):
        listed = (compare_quantize.ROOT / "gguf" / "file_types.inc").read_text()
        for name, number in compare_quantize.TYPES.items():
            self.assertRegex(listed, rf'\(\s*{number}, "{name}",')


if __name__ == "__main__":
    unittest.main()
