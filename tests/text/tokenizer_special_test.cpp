// Special tokens: where they cut the text, which ones a vocabulary has, what ends a generation.
#include <algorithm>
#include <random>

#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

using Texts = std::vector<std::string>;

TEST(SpecialTokens, control_texts_are_parsed_on_request) {
  TinyVocab v = tiny_bpe();
  v.add("<user>", TokenType::user_defined);
  const auto t = v.tokenizer();
  EXPECT_EQ(spelled(*t, "a</s><user>", {false, true}), (Texts{"a", "</s>", "<user>"}));
  EXPECT_EQ(spelled(*t, "</s><user>", {false, false}), (Texts{"<", "/", "s", ">", "<user>"}))
      << "user-defined ones always";
}

TEST(SpecialTokens, begin_and_end) {
  TinyVocab v = tiny_bpe();
  EXPECT_EQ(spelled(*v.tokenizer(), "a", {true, true}), (Texts{"a"}));
  v.data.add_bos = v.data.add_eos = true;
  EXPECT_EQ(spelled(*v.tokenizer(), "a", {true, true}), (Texts{"<s>", "a", "</s>"}));
  EXPECT_EQ(spelled(*v.tokenizer(), "", {true, true}), (Texts{"<s>", "</s>"}));
  EXPECT_EQ(spelled(*v.tokenizer(), "a", {false, true}), (Texts{"a"}));
  EXPECT_EQ(v.tokenizer()->without_added_tokens("<s><s>a</s>"), "<s>a");
}

TEST(SpecialTokens, longer_texts_win_wherever_they_stand) {
  TinyVocab v = tiny_bpe();
  for (const char* text : {"ab", "bcd", "d", "dd"}) v.add(text, TokenType::user_defined);
  const auto t = v.tokenizer();
  EXPECT_EQ(spelled(*t, "abcd"), (Texts{"a", "bcd"})) << "not the leftmost";
  EXPECT_EQ(spelled(*t, "abd"), (Texts{"ab", "d"}));
  EXPECT_EQ(spelled(*t, "ddd"), (Texts{"dd", "d"}));
  EXPECT_EQ(spelled(*t, "bcddd"), (Texts{"bcd", "dd"}));
}

TEST(SpecialTokens, a_loser_gives_way_to_a_shorter_one) {
  TinyVocab v = tiny_bpe();
  for (const char* text : {"ab", "abc", "cdef"}) v.add(text, TokenType::user_defined);
  EXPECT_EQ(spelled(*v.tokenizer(), "abcdef"), (Texts{"ab", "cdef"}));
}

TEST(SpecialTokens, white_space_rules_by_model_name) {
  TinyVocab v = tiny_bpe();
  v.add("<|user|>", TokenType::control);
  EXPECT_EQ(spelled(*v.tokenizer(), "<|user|> \n1"), (Texts{"<|user|>", "Ġ", "Ċ", "1"}));
  v.data.name = "Phi-3 mini";
  EXPECT_EQ(spelled(*v.tokenizer(), "<|user|> \n1"), (Texts{"<|user|>", "1"}));
  EXPECT_EQ(spelled(*v.tokenizer(), "<|user|> \n</s> <s> 1"),
            (Texts{"<|user|>", "</s>", "<s>", "Ġ", "1"}));
  v.data.name = "modern-bert";
  v.add("[MASK]", TokenType::control);
  EXPECT_EQ(spelled(*v.tokenizer(), "1 \t[MASK] 1"), (Texts{"1", "[MASK]", "Ġ", "1"}));
}

TEST(SpecialTokens, swallowed_white_space_matches_nothing) {
  TinyVocab v = tiny_bpe();
  v.data.name = "phi-3";
  v.add("\n", TokenType::user_defined);
  v.add("<|user|>", TokenType::control);
  EXPECT_EQ(spelled(*v.tokenizer(), "<|user|>\n1"), (Texts{"<|user|>", "1"}));
}

// The rule taken literally: for each token, longest first, cut every piece
// of plain text at its occurrences.
Texts cut_literally(const Tokenizer& t, std::vector<std::string> specials,
                    const std::string& text) {
  std::stable_sort(specials.begin(), specials.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  struct Part {
    std::string text;
    bool special;
  };
  std::vector<Part> parts{{text, false}};
  for (const std::string& s : specials) {
    std::vector<Part> next;
    for (Part& p : parts) {
      for (size_t at; !p.special && (at = p.text.find(s)) != std::string::npos;
           p.text.erase(0, at + s.size())) {
        if (at > 0) next.push_back({p.text.substr(0, at), false});
        next.push_back({s, true});
      }
      if (!p.text.empty()) next.push_back(p);
    }
    parts = next;
  }
  Texts out;
  for (const Part& p : parts) {
    const Texts words = p.special ? Texts{p.text} : spelled(t, p.text, {false, false});
    out.insert(out.end(), words.begin(), words.end());
  }
  return out;
}

TEST(SpecialTokens, any_overlap_resolves_by_the_rule) {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    TinyVocab v = tiny_bpe();
    std::vector<std::string> specials;
    for (int i = 0; i < 8; ++i) {
      std::string s;
      for (unsigned n = 2 + random() % 5; n > 0; --n) s += static_cast<char>('x' + random() % 2);
      if (std::find(specials.begin(), specials.end(), s) != specials.end()) continue;
      specials.push_back(s);
      v.add(s, TokenType::control);
    }
    std::string text;
    for (unsigned n = random() % 40; n > 0; --n) text += "xxyyz"[random() % 5];
    const auto t = v.tokenizer();
    ASSERT_EQ(spelled(*t, text), cut_literally(*t, specials, text)) << text;
  }
}

TEST(SpecialTokens, hundreds_of_kilobytes_of_matches) {
  TinyVocab v = tiny_bpe();
  std::string run;
  for (int i = 0; i < 31; ++i) v.add(run += '\n', TokenType::user_defined);
  EXPECT_EQ(encode(*v.tokenizer(), std::string(31 * 10000, '\n')).size(), 10000u);
}

TEST(SpecialTokens, roles_are_found_by_text) {
  TinyVocab v = tiny_bpe();
  const Token end = v.add("<|im_end|>"), pre = v.add("<|fim_prefix|>"),
              other = v.add("<fim_prefix>");
  auto t = v.tokenizer();
  EXPECT_EQ(t->ids().eot, end);
  EXPECT_EQ(t->ids().fim_pre, pre);
  EXPECT_EQ(t->ids().eom, kNoToken);
  EXPECT_EQ(t->piece(end), "") << "it is a control token now";
  EXPECT_EQ(t->piece(end, true), "<|im_end|>");
  EXPECT_EQ(t->piece(other), "<fim_prefix>");
  v.data.ids.fim_pre = other;
  EXPECT_EQ(v.tokenizer()->ids().fim_pre, other) << "a key wins";
}

TEST(SpecialTokens, what_ends_a_generation) {
  TinyVocab v = tiny_bpe();
  const Token turn = v.add("<end_of_turn>"), pad = v.add("<|fim_pad|>"),
              plain = v.add("<|im_start|>", TokenType::control);
  const auto t = v.tokenizer();
  for (const Token id : {turn, pad, t->ids().eos}) EXPECT_TRUE(t->is_eog(id));
  for (const Token id : {plain, t->ids().bos, Token{0}, kNoToken, t->size()})
    EXPECT_FALSE(t->is_eog(id));
}

TEST(SpecialTokens, harmony_messages_do_not_end_the_turn) {
  TinyVocab v = tiny_bpe();
  const Token end = v.add("<|end|>", TokenType::control),
              call = v.add("<|call|>", TokenType::control);
  const Token channel = v.add("<|channel|>", TokenType::control);
  EXPECT_TRUE(v.tokenizer()->is_eog(end)) << "as in phi 3";
  const Token back = v.add("<|return|>", TokenType::control);
  const auto t = v.tokenizer();
  EXPECT_FALSE(t->is_eog(end));
  EXPECT_TRUE(t->is_eog(call) && t->is_eog(back));
  EXPECT_EQ(t->piece(end), "<|end|>");
  EXPECT_EQ(t->piece(channel), "<|channel|>");
}

TEST(SpecialTokens, a_tool_turn_leaves_s_to_the_text) {
  TinyVocab v = tiny_bpe();
  v.data.ids.eos = v.add("<|tool_response>", TokenType::control);
  const auto t = v.tokenizer();
  EXPECT_FALSE(t->is_eog(t->find("</s>")));
  EXPECT_EQ(t->piece(t->find("</s>")), "</s>");
}

}  // namespace
}  // namespace engine
