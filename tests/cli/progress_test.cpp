// Progress: the texts of its lines, the picture on a terminal, the plain lines of a pipe.
#include "server/cli/progress.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "server/cli/forms.h"
#include "server/cli/progress_bar.h"
#include "tests/cli/virtual_terminal.h"

namespace engine {
namespace {

using cli::ProgressBar;
using cli::ProgressView;

constexpr const char* kDigest =
    "sha256:aabd4debf0c8b1d1ae0b1a6a2f7a2f1e6d4d8a3d4bd9c4a4e5b6c7d8e9f00112";

Json pulling(int64_t done, int64_t total, const char* digest = kDigest) {
  return {{"status", "pulling aabd4debf0c8"},
          {"digest", digest},
          {"total", total},
          {"completed", done}};
}

TEST(ProgressBarTest, RemainingTime) {
  EXPECT_EQ(cli::remaining_text(22), "22s");
  EXPECT_EQ(cli::remaining_text(63), "1m3s");
  EXPECT_EQ(cli::remaining_text(3900), "1h5m");
  EXPECT_EQ(cli::remaining_text(360000), "99h+");
  EXPECT_EQ(cli::remaining_text(-3), "0s");
}

TEST(ProgressBarTest, LooksAsDescribed) {
  ProgressBar bar("pulling aabd4debf0c8:", 0, 1'100'000'000, 0);
  for (int second = 1; second <= 10; ++second) bar.set(second * 50'000'000, 1'100'000'000, second);
  // 50 MB a second, 600 MB are left
  EXPECT_EQ(bar.text(92),
            "pulling aabd4debf0c8:  45% ▕█████████████                 ▏ "
            "500 MB/1.1 GB   50 MB/s     12s");
  EXPECT_EQ(cli::display_width(bar.text(92)), 91);
  bar.set(1'100'000'000, 1'100'000'000, 11);
  EXPECT_EQ(bar.text(92),
            "pulling aabd4debf0c8: 100% ▕██████████████████████████████▏ "
            "1.1 GB                         ");
}

TEST(ProgressBarTest, TheRateIsThatOfTheLastTenSeconds) {
  ProgressBar bar("x", 900'000'000, 2'000'000'000, 0);  // resumed: what was there is not counted
  int64_t done = 900'000'000;
  for (int s = 1; s <= 20; ++s) bar.set(done += 10'000'000, 2'000'000'000, s);
  EXPECT_NE(bar.text(80).find(" 10 MB/s"), std::string::npos) << bar.text(80);
  bar.set(5'000'000, 2'000'000'000, 21);  // begins again: no negative rate
  EXPECT_EQ(bar.text(80).find("/s"), std::string::npos) << bar.text(80);
}

TEST(ProgressBarTest, NeverWiderThanTheTerminal) {
  ProgressBar bar("quantizing F16 model to Q4_K_M 中文", 3'000'000, 9'999'999, 0);
  bar.set(3'000'001, 9'999'999, 5);
  for (int columns = 1; columns < 200; ++columns) {
    EXPECT_LT(cli::display_width(bar.text(columns)), std::max(columns, 6)) << columns;
    if (columns > 10) {
      EXPECT_NE(bar.text(columns).find(" 30%"), std::string::npos) << columns;
    }
    for (const bool stopped : {false, true})
      EXPECT_LT(cli::display_width(cli::spinner_text("writing 中文 manifest", 3, stopped, columns)),
                std::max(columns, 5));
  }
}

TEST(ProgressBarTest, HostileNumbers) {
  for (const auto& [done, total] : {std::pair<int64_t, int64_t>{5, 0},
                                    {INT64_MAX, 1},
                                    {-1, -1},
                                    {INT64_MAX, INT64_MAX},
                                    {0, INT64_MAX}}) {
    ProgressBar bar("x", 0, total, 0);
    bar.set(done, total, 1);
    bar.set(done, total, 2);
    EXPECT_LT(cli::display_width(bar.text(80)), 80);
    EXPECT_LE(bar.percent(), 100);
    EXPECT_GE(bar.percent(), 0);
  }
}

// What the view writes to something that is no terminal.
std::string plain(const std::function<void(ProgressView&)>& use) {
  std::FILE* file = std::tmpfile();
  {
    ProgressView view(file);
    use(view);
  }
  std::string text(static_cast<size_t>(std::ftell(file)), 0);
  std::rewind(file);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
  std::fclose(file);
  return text;
}

TEST(ProgressViewTest, PlainLinesInAPipe) {
  const std::string text = plain([](ProgressView& view) {
    view.show({{"status", "pulling manifest"}});
    view.show({{"status", "pulling manifest"}});
    view.show(pulling(0, 0));
    for (int i = 0; i <= 1000; ++i) view.show(pulling(i * 1000, 1'000'000));
    view.show({{"status", "success"}});
  });
  std::string expected = "pulling manifest\n";
  for (int i = 0; i <= 10; ++i) {
    expected += "pulling aabd4debf0c8: " + std::to_string(i * 10) + "% (" +
                (i == 0    ? "1 KB"
                 : i == 10 ? "1 MB"
                           : std::to_string(i * 100) + " KB") +
                "/1 MB)\n";
  }
  EXPECT_EQ(text, expected + "success\n");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(ProgressViewTest, OneLinePerTenthOfASpinnerWithAPercentage) {
  const std::string text = plain([](ProgressView& view) {
    for (int i = 0; i <= 100; ++i) view.spin("transferring model data " + std::to_string(i) + "%");
    view.spin("100 of 100%%");
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12) << text;
  EXPECT_NE(text.find("data 50%\n"), std::string::npos);
  EXPECT_EQ(text.find("data 55%\n"), std::string::npos);
}

TEST(ProgressViewTest, OtherObjectsAreIgnored) {
  EXPECT_EQ(plain([](ProgressView& view) {
              view.show(Json::array());
              view.show({{"status", 3}});
              view.show({{"status", "x"}, {"digest", "d"}, {"total", "many"}});
              view.finish();
              view.finish();
            }),
            "");
}

// A terminal whose other end is read by the test.
class ProgressTerminal : public ::testing::Test {
 protected:
  void open(int columns, int rows) {
    ::setenv("TERM", "xterm-256color", 1);
    winsize size = {};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    int slave = -1;
    ASSERT_EQ(::openpty(&master_, &slave, nullptr, nullptr, &size), 0);
    out_ = ::fdopen(slave, "w");
    screen_ = std::make_unique<VirtualTerminal>(columns, rows);
    reader_ = std::thread([this] {
      char buffer[4096];
      for (ssize_t n; (n = ::read(master_, buffer, sizeof buffer)) > 0;)
        bytes_.append(buffer, static_cast<size_t>(n));
    });
  }
  void close() {
    std::fclose(out_);
    reader_.join();
    ::close(master_);
    screen_->feed(bytes_);
    EXPECT_EQ(screen_->unknown(), "");
    EXPECT_TRUE(screen_->cursor_visible());
  }
  int master_ = -1;
  std::FILE* out_ = nullptr;
  std::string bytes_;
  std::unique_ptr<VirtualTerminal> screen_;
  std::thread reader_;
};

TEST_F(ProgressTerminal, ShowsAllLinesAndLeavesThem) {
  open(80, 24);
  {
    ProgressView view(out_);
    view.show({{"status", "pulling manifest"}});
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    view.show(pulling(0, 1'000'000));
    view.show(pulling(500'000, 1'000'000));
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    view.show(pulling(1'000'000, 1'000'000));
    view.show({{"status", "bad \x1b[31m text"}});
    view.show({{"status", "success"}});
    view.finish();
  }
  close();
  EXPECT_EQ(screen_->line(0), "pulling manifest");
  EXPECT_TRUE(screen_->line(1).starts_with("pulling aabd4debf0c8: 100% ▕"));
  EXPECT_EQ(screen_->line(2), "bad  [31m text");  // a server cannot steer the terminal
  EXPECT_EQ(screen_->line(3), "success");
  EXPECT_EQ(screen_->row(), 4);
  EXPECT_EQ(screen_->column(), 0);
  EXPECT_NE(bytes_.find("pulling manifest ⠋ "), std::string::npos);
  EXPECT_NE(bytes_.find(" 50% ▕"), std::string::npos);
  EXPECT_NE(bytes_.find("\x1b[?2026h"), std::string::npos);
}

TEST_F(ProgressTerminal, MoreLinesThanTheScreenScroll) {
  open(40, 5);
  {
    ProgressView view(out_);
    for (int i = 0; i < 12; ++i) {
      view.spin("step " + std::string(1, static_cast<char>('a' + i)));
      if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(120));
    }
  }
  close();
  std::string expected;
  for (int i = 0; i < 12; ++i)
    expected += "step " + std::string(1, static_cast<char>('a' + i)) + "\n";
  EXPECT_EQ(screen_->all(), expected);
}

TEST_F(ProgressTerminal, ClearTakesTheLinesAway) {
  open(80, 24);
  {
    ProgressView view(out_);
    view.spin("one");
    view.spin("two");
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    view.clear();
    std::fputs("after\r\n", out_);
  }
  close();
  EXPECT_EQ(screen_->screen(), "after\n");
}

}  // namespace
}  // namespace engine
