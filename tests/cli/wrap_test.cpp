// Answers on their way to the terminal: word wrap, seen on a screen.
#include <gtest/gtest.h>

#include <algorithm>

#include "server/cli/printer.h"
#include "tests/cli/virtual_terminal.h"

namespace engine {
namespace {

// The screen after the text came in pieces of so many bytes' worth of whole characters.
std::string screen(const std::string& text, int columns, bool one_by_one = true) {
  VirtualTerminal terminal(columns, 40);
  cli::WordWrap wrap(columns, true);
  std::string out;
  if (!one_by_one) {
    wrap.write(text, out);
  } else {
    for (size_t at = 0; at < text.size();) {
      size_t end = at + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
      wrap.write(text.substr(at, end - at), out);
      at = end;
    }
  }
  for (const char c : out) terminal.feed(c == '\n' ? std::string("\r\n") : std::string(1, c));
  EXPECT_EQ(terminal.unknown(), "");
  return terminal.screen();
}

TEST(WrapTest, WordsMoveToTheNextLine) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  EXPECT_EQ(screen(text, 25), "The quick brown fox\njumps over the lazy\ndog\n");
  EXPECT_EQ(screen(text, 25, false), screen(text, 25));
}

TEST(WrapTest, LongWordsAreCut) {
  const std::string word(50, 'x');
  const std::string seen = screen(word, 20);
  std::string joined;
  for (const char c : seen)
    if (c != '\n') joined += c;
  EXPECT_EQ(joined, word);
  EXPECT_GT(std::count(seen.begin(), seen.end(), '\n'), 2);
}

TEST(WrapTest, WideCharactersBreakAnywhere) {
  const std::string seen = screen("中文字中文字中文字中文字", 20);
  EXPECT_EQ(seen, "中文字中文字中文\n字中文字\n");
}

TEST(WrapTest, NewlinesStartAgain) {
  EXPECT_EQ(screen("aaaa bbbb\ncccc dddd eeee ffff", 20), "aaaa bbbb\ncccc dddd eeee\nffff\n");
}

TEST(WrapTest, OffIsOff) {
  cli::WordWrap off(20, false), narrow(9, true);
  const std::string text = "some words that are longer than the line";
  std::string a, b;
  off.write(text, a);
  narrow.write(text, b);
  EXPECT_EQ(a, text);
  EXPECT_EQ(b, text);
}

}  // namespace
}  // namespace engine
