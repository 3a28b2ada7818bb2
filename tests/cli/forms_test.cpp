// Numbers, times, tables and word wrap, byte for byte.
#include "server/cli/forms.h"

#include <gtest/gtest.h>

#include "server/cli/printer.h"

namespace engine::cli {
namespace {

TEST(Forms, Bytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1 KB");
  EXPECT_EQ(bytes_text(1500), "1.5 KB");
  EXPECT_EQ(bytes_text(999999), "999 KB");
  EXPECT_EQ(bytes_text(9999999), "10.0 MB");
  EXPECT_EQ(bytes_text(676'000'000), "676 MB");
  EXPECT_EQ(bytes_text(1'230'000'000), "1.2 GB");
  EXPECT_EQ(bytes_text(1'999'999'999'999), "2.0 TB");
}

TEST(Forms, Words) {
  EXPECT_EQ(duration_words(0), "Less than a second");
  EXPECT_EQ(duration_words(1), "1 second");
  EXPECT_EQ(duration_words(59), "59 seconds");
  EXPECT_EQ(duration_words(60), "About a minute");
  EXPECT_EQ(duration_words(299), "4 minutes");
  EXPECT_EQ(duration_words(3600), "About an hour");
  EXPECT_EQ(duration_words(24 * 3600), "24 hours");
  EXPECT_EQ(duration_words(48 * 3600), "2 days");
  EXPECT_EQ(duration_words(15 * 24 * 3600), "2 weeks");
  EXPECT_EQ(duration_words(int64_t{1000} * 24 * 3600), "2 years");
  EXPECT_EQ(ago_text(0, 100, "Never"), "Never");
  EXPECT_EQ(ago_text(1000, 1005, ""), "5 seconds ago");
  EXPECT_EQ(ago_text(1299, 1000, ""), "4 minutes from now");
  EXPECT_EQ(ago_text(1000 + int64_t{22} * 365 * 86400, 1000, ""), "Forever");
}

TEST(Forms, Processors) {
  EXPECT_EQ(processor_text(100, 0), "100% CPU");
  EXPECT_EQ(processor_text(100, 100), "100% GPU");
  EXPECT_EQ(processor_text(100, 101), "Unknown");
  EXPECT_EQ(processor_text(0, 0), "100% CPU");
  EXPECT_EQ(processor_text(0, 5), "Unknown");
  EXPECT_EQ(processor_text(42'000'000'000, 21'840'000'000), "48%/52% CPU/GPU");
  EXPECT_EQ(processor_text(1000, 995), "1%/99% CPU/GPU") << "rounded";
}

TEST(Forms, TableOfLoadedModels) {
  Table table({"NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"});
  table.row(
      {"llama3.2:latest", "a80c4f17acd5", "3.1 GB", "100% GPU", "4096", "4 minutes from now"});
  table.row({"big:70b", "0123456789ab", "42 GB", "48%/52% CPU/GPU", "32768", "Forever"});
  EXPECT_EQ(table.text(),
            "NAME               ID              SIZE      PROCESSOR          CONTEXT    UNTIL      "
            "        \n"
            "llama3.2:latest    a80c4f17acd5    3.1 GB    100% GPU           4096       4 minutes "
            "from now    \n"
            "big:70b            0123456789ab    42 GB     48%/52% CPU/GPU    32768      Forever    "
            "           \n");
}

TEST(Forms, GoDurations) {
  EXPECT_EQ(go_duration(0), "0s");
  EXPECT_EQ(go_duration(999), "999ns");
  EXPECT_EQ(go_duration(1500), "1.5µs");
  EXPECT_EQ(go_duration(130'079'000), "130.079ms");
  EXPECT_EQ(go_duration(4'935'886'791), "4.935886791s");
  EXPECT_EQ(go_duration(62'500'000'000), "1m2.5s");
  EXPECT_EQ(go_duration(3'603'000'000'000), "1h0m3s");
}

TEST(Forms, Times) {
  EXPECT_EQ(parse_time("2026-01-01T00:00:00Z"), 1767225600);
  EXPECT_EQ(parse_time("2026-01-01T01:00:00.123456789+01:00"), 1767225600);
  EXPECT_EQ(parse_time("2025-12-31T19:00:00-05:00"), 1767225600);
  EXPECT_EQ(parse_time("0001-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("yesterday"), 0);
}

TEST(Forms, TableIsTheKnownOne) {
  Table table({"NAME", "ID", "SIZE", "MODIFIED"});
  table.row({"model1", "sha256:abc12", "1.0 KB", "24 hours ago"});
  table.row({"model2", "sha256:def45", "2.0 KB", "2 days ago"});
  EXPECT_EQ(table.text(),
            "NAME      ID              SIZE      MODIFIED     \n"
            "model1    sha256:abc12    1.0 KB    24 hours ago    \n"
            "model2    sha256:def45    2.0 KB    2 days ago      \n");
}

TEST(Forms, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("日本"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("\xff"), 1);
}

TEST(WordWrap, MovesTheWordToTheNextLine) {
  WordWrap wrap(20, true);
  std::string out;
  for (const char c : std::string("aaaa bbbb cccc dddd eeee")) wrap.write(std::string(1, c), out);
  // 15 columns are usable; the word that reaches the margin is taken
  // back and written on the next line.
  EXPECT_EQ(out, "aaaa bbbb cccc \x1b[K\ndddd eeee");
}

TEST(WordWrap, OffMeansUntouched) {
  WordWrap wrap(20, false);
  std::string out;
  wrap.write("a very long line that would have to be wrapped", out);
  EXPECT_EQ(out, "a very long line that would have to be wrapped");
}

}  // namespace
}  // namespace engine::cli
