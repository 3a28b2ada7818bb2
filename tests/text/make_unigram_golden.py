#!/usr/bin/env python3
"""Writes data/unigram.json: a small Unigram vocabulary and what SentencePiece makes of some texts with it.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install sentencepiece protobuf
    /tmp/venv/bin/python tests/text/make_unigram_golden.py

Every text has the ids of the vocabulary as trained (one space before each word), then those of the same pieces with all spaces
kept and none added.
"""
import base64
import json
import pathlib
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "", " ", "   ", "a", " a", "a ", "  a  ", "Hello, world!", "hello   world", "tokens and models",
    "The quick brown fox jumps over the lazy dog.", "Ünïcödé wörds", "naïve café résumé", "cafe\u0301 re\u0301sume\u0301",
    "ﬁne ofﬁce ﬂow", "ＦＵＬＬＷＩＤＴＨ ｔｅｘｔ １２３", "①②③ ½ x² ™ № ℃", "日本語のテキストです。", "東京都に行きました。",
    "ﾊﾝｶｸ ｶﾀｶﾅ", "中文分词测试，你好世界！", "한국어 문장입니다.", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "Привет, мир! Как дела?",
    "Ελληνικά κείμενα", "العربية لغة جميلة", "עברית שפה יפה", "ภาษาไทยไม่มีช่องว่าง", "हिन्दी में लिखा हुआ", "தமிழ் மொழி",
    "বাংলা ভাষা", "ქართული ენა", "Հայերեն լեզու", "አማርኛ ቋንቋ", "Tiếng Việt có dấu", "Türkçe İstanbul ışık", "Łódź żółć gęślą jaźń",
    "Straße GROẞ", "😀", "😀😀😀 🎉", "👨\u200d👩\u200d👧 family", "🇩🇪🇫🇷 flags", "a😀b", "emoji😀inside words🎉here",
    "tab\tseparated\tvalues", "line\nbreaks\n\nhere", "crlf\r\nlines\r\n", "\n", "\t", "\u00a0nbsp\u00a0here",
    "\u3000ideographic\u3000space", "thin\u2009space\u200ahair", "zero\u200bwidth\ufeffbom", "soft\u00adhyphen",
    "control\x01\x02\x03chars\x7f", "bell\x07 esc\x1b[0m", "\x85 next line", "\u2028line\u2029para", "▁ literal mark", "▁▁▁", "a▁b",
    "x" * 100, "ab" * 50, "the " * 20, " " * 40 + "end", "a" + " " * 20 + "b", "é" * 20, "\U00020000\U0002a6d6 rare han",
    "\ue000private\uf8ff", "\U0010ffff", "1234567890", "3.14159 and 2,718", "0x7fff", "2026-11-30T19:00:00Z", "$100 €200 ¥300",
    "user@example.com https://example.com/a?b=c&d=e#f", "int main() { return 0; }", "{\"key\": [1, 2, null]}",
    "<div class=\"a\">&nbsp;</div>", "!!!???...", "——…“quotes” ‘single’ «guillemets»", "don't can't I'll we've",
    "UPPER lower MiXeD", "a\u0300\u0301b", "\u0300start", "Mixed 日本語 and English текст together",
    "query: how do embeddings work", "passage: an embedding is a vector", "embedding embeddings embed embedded",
]


def rules():
    """What is replaced: a part of NFKC and the spaces and control characters of nmt_nfkc, so that the map stays small."""
    out = {}
    for c in [0x9, 0xA, 0xD, 0x85, 0xA0, 0x2028, 0x2029, 0x3000, 0x2581, *range(0x2000, 0x200C)]:
        out[(c,)] = (0x20,)
    for c in [0x7, 0x1B, 0x7F, 0xAD, 0xFEFF, *range(1, 4)]:
        out[(c,)] = ()
    for c in [*range(0xFF01, 0xFF5F), *range(0xFB00, 0xFB05), *range(0x2460, 0x2469), 0xB2, 0xBD, 0x2103, 0x2116, 0x2122]:
        out[(c,)] = tuple(map(ord, unicodedata.normalize("NFKC", chr(c))))
    for base in "aeiouAEIOU":
        for mark in (0x300, 0x301):
            out[(ord(base), mark)] = tuple(map(ord, unicodedata.normalize("NFC", base + chr(mark))))
    return out


def main():
    with tempfile.TemporaryDirectory() as folder:
        tsv, prefix = pathlib.Path(folder, "rules.tsv"), str(pathlib.Path(folder, "small"))
        spell = lambda codes: " ".join(f"{c:X}" for c in codes)
        tsv.write_text("".join(f"{spell(a)}\t{spell(b)}\n" for a, b in sorted(rules().items())))
        prose = [line.strip() for line in (HERE / "../../docs/ARCHITECTURE.md").read_text().splitlines() if line.strip()]
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(prose + [t for t in TEXTS if t.strip()] * 2), model_prefix=prefix, model_type="unigram",
            vocab_size=420, character_coverage=0.98, hard_vocab_limit=False, normalization_rule_tsv=str(tsv), minloglevel=2)
        model = sentencepiece_model_pb2.ModelProto.FromString(pathlib.Path(prefix + ".model").read_bytes())
    for piece in model.pieces:
        piece.score = round(piece.score, 4)  # as the file will have it
    trained = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    form = model.normalizer_spec
    charsmap = base64.b64encode(form.precompiled_charsmap).decode()
    form.add_dummy_prefix = form.remove_extra_whitespaces = False
    spaces_kept = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    lines = ['{"charsmap": %s,' % json.dumps(charsmap), '"pieces": [']
    lines.append(",\n".join(json.dumps([p.piece, round(p.score, 4), p.type], ensure_ascii=False) for p in model.pieces) + "],")
    lines.append('"cases": [')
    lines.append(",\n".join(json.dumps([t, trained.encode(t), spaces_kept.encode(t)], separators=(",", ":")) for t in TEXTS) + "]}")
    (HERE / "data/unigram.json").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
