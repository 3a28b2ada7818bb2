// The line editor's parts: the text and its cursor, rows on the screen, keys, history.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "server/cli/edit_buffer.h"
#include "server/cli/edit_screen.h"
#include "server/cli/forms.h"
#include "server/cli/history.h"
#include "server/cli/keys.h"
#include "server/cli/text_width.h"
#include "tests/cli/virtual_terminal.h"

namespace engine {
namespace {

using namespace cli;

// The text with "|" where the cursor is.
std::string shown(const EditBuffer& b) {
  std::string out = b.text();
  return out.insert(b.cursor(), "|");
}

EditBuffer buffer(const std::string& text) {
  EditBuffer b;
  const size_t cursor = text.find('|');
  b.set(text.substr(0, cursor) + text.substr(cursor + 1));
  while (b.cursor() > cursor) b.left();
  EXPECT_EQ(shown(b), text);
  return b;
}

TEST(EditBufferTest, MovesByWhatPeopleCallACharacter) {
  // a letter with a mark, a wide character, a family of four joined by joiners
  const std::string e = "e\u0301", wide = "中", family = "👨\u200d👩\u200d👧\u200d👦";
  EditBuffer b;
  b.set(e + wide + family);
  b.left();
  EXPECT_EQ(shown(b), e + wide + "|" + family);
  b.left();
  EXPECT_EQ(shown(b), e + "|" + wide + family);
  b.left();
  EXPECT_EQ(shown(b), "|" + e + wide + family);
  b.left();
  b.right();
  b.right();
  EXPECT_EQ(shown(b), e + wide + "|" + family);
  b.erase_under();
  EXPECT_EQ(shown(b), e + wide + "|");
  b.erase_before();
  b.erase_before();
  EXPECT_EQ(shown(b), "|");
  b.erase_before();
  b.erase_under();
  EXPECT_EQ(shown(b), "|");
}

TEST(EditBufferTest, WordsAndLines) {
  struct Case {
    const char* before;
    void (EditBuffer::*act)();
    const char* after;
  };
  for (const Case& c : {Case{"one two  |three", &EditBuffer::word_left, "one |two  three"},
                        Case{"one| two three", &EditBuffer::word_right, "one two| three"},
                        Case{"one two  |x", &EditBuffer::erase_word_before, "one |x"},
                        Case{"|x", &EditBuffer::erase_word_before, "|x"},
                        Case{"ab\ncd|e\nf", &EditBuffer::line_start, "ab\n|cde\nf"},
                        Case{"ab\nc|de\nf", &EditBuffer::line_end, "ab\ncde|\nf"},
                        Case{"ab\ncd|e\nf", &EditBuffer::erase_to_line_start, "ab\n|e\nf"},
                        Case{"ab\ncd|e\nf", &EditBuffer::erase_to_line_end, "ab\ncd|\nf"},
                        Case{"ab\n|", &EditBuffer::erase_before, "ab|"}}) {
    EditBuffer b = buffer(c.before);
    (b.*c.act)();
    EXPECT_EQ(shown(b), c.after) << c.before;
  }
}

TEST(EditBufferTest, UpAndDownKeepTheColumn) {
  EditBuffer b = buffer("中文字\nx\nabcdef|");
  EXPECT_TRUE(b.up());
  EXPECT_EQ(shown(b), "中文字\nx|\nabcdef");
  EXPECT_TRUE(b.up());
  EXPECT_EQ(shown(b), "|中文字\nx\nabcdef");  // not into the middle of a wide one
  EXPECT_FALSE(b.up());
  EXPECT_TRUE(b.down());
  EXPECT_TRUE(b.down());
  EXPECT_FALSE(b.down());
}

TEST(EditBufferTest, AnyBytesKeepTheCursorInside) {
  EditBuffer b;
  b.set("\xff\xfe中\xe4\xb8");
  for (int i = 0; i < 10; ++i) b.left();
  EXPECT_EQ(b.cursor(), 0u);
  for (int i = 0; i < 10; ++i) b.right();
  EXPECT_EQ(b.cursor(), b.text().size());
}

const EditPrompts kPrompts = {">>> ", "... ", "Send a message", "Press Enter to send"};

TEST(LayoutTest, WrapsWithThePromptOfFurtherRows) {
  const EditRows r = lay_out("abcdefghijklmnopqrstuvwxyz", 26, kPrompts, 20);
  EXPECT_EQ(r.rows, (std::vector<std::string>{">>> abcdefghijklmno", "... pqrstuvwxyz"}));
  EXPECT_EQ(r.row, 1);
  EXPECT_EQ(r.column, 15);
}

TEST(LayoutTest, WideCharactersAreNotCut) {
  const EditRows r = lay_out("中文中文中文中文中文", 24, kPrompts, 20);
  EXPECT_EQ(r.rows, (std::vector<std::string>{">>> 中文中文中文中", "... 文中文"}));
  EXPECT_EQ(r.row, 1);
  EXPECT_EQ(r.column, 6);  // on the last but one
}

TEST(LayoutTest, HintsAndLines) {
  EXPECT_EQ(lay_out("", 0, kPrompts, 80).rows[0], ">>> \x1b[90mSend a message\x1b[0m");
  EXPECT_EQ(lay_out("", 0, kPrompts, 10).rows[0], ">>> \x1b[90mSend \x1b[0m");
  const EditRows r = lay_out("a\n", 2, kPrompts, 80);
  EXPECT_EQ(r.rows[1], "... \x1b[90mPress Enter to send\x1b[0m");
  EXPECT_EQ(r.column, 4);
  EXPECT_EQ(lay_out("a\tb", 0, kPrompts, 80).rows[0], ">>> a        b");
  EXPECT_EQ(lay_out("a\x01", 0, kPrompts, 80).rows[0], ">>> a?");
}

TEST(LayoutTest, NoRowIsWiderThanTheTerminal) {
  for (int columns = 8; columns < 60; ++columns) {
    for (const char* text : {"中文 and some words\nand e\u0301 more", "abcdefghijklmnop", ""}) {
      for (size_t cursor = 0; cursor <= std::strlen(text); ++cursor) {
        EditPrompts plain = kPrompts;
        plain.hint.clear(), plain.hint_in_next.clear();
        const EditRows r = lay_out(text, cursor, plain, columns);
        for (const std::string& row : r.rows) EXPECT_LT(display_width(row), columns);
        EXPECT_LT(r.column, columns);
      }
    }
  }
}

TEST(ScreenTest, EditsOverWhatIsThere) {
  VirtualTerminal terminal(20, 6);
  terminal.feed("before\r\n");
  EditScreen screen;
  EditBuffer b;
  const auto draw = [&] {
    terminal.feed(screen.draw(lay_out(b.text(), b.cursor(), kPrompts, 20), {20, 6}));
  };
  draw();
  EXPECT_EQ(terminal.screen(), "before\n>>> Send a message\n");
  EXPECT_EQ(terminal.column(), 4);
  b.insert("abcdefghijklmnopqrstuvw");
  draw();
  EXPECT_EQ(terminal.screen(), "before\n>>> abcdefghijklmno\n... pqrstuvw\n");
  b.erase_to_line_start();
  b.insert("x");
  draw();
  EXPECT_EQ(terminal.screen(), "before\n>>> x\n");
  // taller than the terminal: the part around the cursor
  b.set("1\n2\n3\n4\n5\n6\n7\n8");
  draw();
  EXPECT_EQ(terminal.screen(), "... 3\n... 4\n... 5\n... 6\n... 7\n... 8\n");
  for (int i = 0; i < 7; ++i) b.up();
  draw();
  EXPECT_EQ(terminal.screen(), ">>> 1\n... 2\n... 3\n... 4\n... 5\n... 6\n");
  EXPECT_EQ(terminal.row(), 0);
  // in the end all of it has been shown, once
  terminal.feed(screen.leave(lay_out(b.text(), b.cursor(), kPrompts, 20)));
  EXPECT_TRUE(terminal.all().ends_with(">>> 1\n... 2\n... 3\n... 4\n... 5\n... 6\n... 7\n... 8\n"))
      << terminal.all();
  EXPECT_EQ(terminal.unknown(), "");
}

// The keys that these bytes are.
std::vector<Key> keys_of(const std::string& bytes, int typed_ahead = 0) {
  std::deque<unsigned char> left(bytes.begin(), bytes.end());
  KeyReader reader([&left](int timeout) -> int {
    if (left.empty()) return timeout < 0 ? KeyReader::closed : KeyReader::timed_out;
    const int c = left.front();
    left.pop_front();
    return c;
  });
  reader.typed_ahead(typed_ahead);
  std::vector<Key> out;
  for (Key key; (key = reader.next()).kind != Key::closed;) out.push_back(key);
  return out;
}

TEST(KeysTest, SingleKeys) {
  struct Case {
    const char* bytes;
    Key::Kind kind;
  };
  for (const Case& c : {Case{"\x01", Key::line_start},
                        Case{"\x02", Key::left},
                        Case{"\x03", Key::interrupt},
                        Case{"\x04", Key::end_of_input},
                        Case{"\x05", Key::line_end},
                        Case{"\x06", Key::right},
                        Case{"\x07", Key::editor},
                        Case{"\x08", Key::erase_before},
                        Case{"\x7f", Key::erase_before},
                        Case{"\n", Key::newline},
                        Case{"\r", Key::enter},
                        Case{"\x0b", Key::erase_to_end},
                        Case{"\x0c", Key::clear_screen},
                        Case{"\x0e", Key::down},
                        Case{"\x10", Key::up},
                        Case{"\x15", Key::erase_to_start},
                        Case{"\x17", Key::erase_word},
                        Case{"\x1a", Key::suspend},
                        Case{"\x1b[A", Key::up},
                        Case{"\x1b[B", Key::down},
                        Case{"\x1bOC", Key::right},
                        Case{"\x1b[D", Key::left},
                        Case{"\x1b[H", Key::line_start},
                        Case{"\x1b[4~", Key::line_end},
                        Case{"\x1b[3~", Key::erase_under},
                        Case{"\x1b"
                             "b",
                             Key::word_left},
                        Case{"\x1b"
                             "f",
                             Key::word_right},
                        Case{"\x1b\x7f", Key::erase_word},
                        Case{"\x1b[1;5D", Key::word_left},
                        Case{"\x1b[15~", Key::none},
                        Case{"\x1b[200", Key::none},
                        Case{"\x1b", Key::none},
                        Case{"\x1b[99999999999999999999999999999999999999", Key::none}}) {
    const std::vector<Key> keys = keys_of(c.bytes);
    ASSERT_FALSE(keys.empty()) << c.bytes + 1;
    EXPECT_EQ(keys[0].kind, c.kind) << c.bytes + 1;
  }
  EXPECT_EQ(keys_of("\t")[0].characters, "        ");
}

TEST(KeysTest, CharactersOfSeveralBytes) {
  const std::vector<Key> keys = keys_of("ä中👍\xff");
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys[0].characters, "ä");
  EXPECT_EQ(keys[1].characters, "中");
  EXPECT_EQ(keys[2].characters, "👍");
  EXPECT_EQ(keys[3].characters, "\uFFFD");
}

TEST(KeysTest, PasteIsOneKey) {
  const std::vector<Key> keys = keys_of("\x1b[200~one\r\ntwo\rthree\n\x03\x1b[31m\ttab\x1b[201~x");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].kind, Key::paste);
  EXPECT_EQ(keys[0].characters, "one\ntwo\nthree\n[31m\ttab");
  EXPECT_EQ(keys[1].characters, "x");
}

TEST(KeysTest, EnterThatWasTypedAhead) {
  const std::vector<Key> keys = keys_of("a\nb\n", 2);
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys[1].kind, Key::enter);
  EXPECT_EQ(keys[3].kind, Key::newline);
}

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "engine-history-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/.ollama/history";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string folder_, path_;
};

TEST_F(HistoryTest, KeepsAHundredAndIsPrivate) {
  {
    InputHistory h(path_);
    for (int i = 0; i < 103; ++i) h.add("entry " + std::to_string(i));
  }
  const std::string text = file();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_TRUE(text.starts_with("entry 3\n"));
  EXPECT_TRUE(text.ends_with("entry 102\n"));
  struct stat st;
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
}

TEST_F(HistoryTest, SeveralLinesStayInMemory) {
  InputHistory h(path_);
  h.add("one");
  h.add("two\nlines");
  h.save(false);
  h.add("three");
  EXPECT_EQ(file(), "one\n");
  h.begin_walk();
  std::string entry;
  EXPECT_TRUE(h.older("unfinished", entry));
  EXPECT_EQ(entry, "three");
  EXPECT_TRUE(h.older(entry, entry));
  EXPECT_EQ(entry, "two\nlines");
  EXPECT_TRUE(h.older(entry, entry));
  EXPECT_FALSE(h.older(entry, entry));
  EXPECT_EQ(entry, "one");
  EXPECT_TRUE(h.newer(entry));
  EXPECT_TRUE(h.newer(entry));
  EXPECT_TRUE(h.newer(entry));
  EXPECT_EQ(entry, "unfinished");
  EXPECT_FALSE(h.newer(entry));
}

TEST_F(HistoryTest, NoFileIsNoTrouble) {
  InputHistory none("");
  none.add("x");
  InputHistory unwritable("/proc/none/history");
  unwritable.add("x");
  std::string entry;
  unwritable.begin_walk();
  EXPECT_TRUE(unwritable.older("", entry));
}

}  // namespace
}  // namespace engine
