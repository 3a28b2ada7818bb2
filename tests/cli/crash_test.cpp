// The program killed at random moments while it changes a store: whatever is left, every model that
// is listed is whole, and what lies around besides is garbage that goes.
#include <fstream>
#include <random>

#include "engine/core/sha256.h"
#include "tests/cli/process.h"
#include "tests/support/http_client.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

class Crash : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    file_ = tiny("one", 1);
    other_ = tiny("two", 2);
    ASSERT_EQ(run({"import", file_, "keep"}).code, 0);
    std::ofstream(home_ + "/Modelfile") << "FROM ./two.gguf\nSYSTEM Be kind.\nLICENSE MIT\n";
  }

  // What a listing and fsck say after a kill, and after everything old has been cleaned up.
  void expect_sound(const std::string& after) {
    SCOPED_TRACE(after);
    const Outcome list = run({"list", "-q"});
    ASSERT_EQ(list.code, 0) << list.err;
    EXPECT_NE(list.out.find("keep:latest\n"), std::string::npos) << list.out;
    EXPECT_EQ(list.err, "");
    const Outcome check = run({"fsck"});
    EXPECT_EQ(check.code, 0) << check.out << check.err;
  }
  void clean_up() {
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
    for (const auto& e : fs::directory_iterator(home_ + "/models/blobs"))
      fs::last_write_time(e.path(), old);
    ASSERT_EQ(run({"fsck", "--repair"}).code, 0);
    const Outcome check = run({"fsck"});
    EXPECT_EQ(check.out.find("garbage"), std::string::npos) << check.out;
    EXPECT_EQ(check.out.find("note"), std::string::npos) << check.out;
    EXPECT_NE(check.out.find(": sound\n"), std::string::npos) << check.out;
  }
  // The time an undisturbed run takes.
  Clock::duration time_of(const std::vector<std::string>& words) {
    const auto begin = Clock::now();
    EXPECT_EQ(run(words).code, 0) << words[0];
    return Clock::now() - begin;
  }
  void kill_after(const std::vector<std::string>& words, Clock::duration delay) {
    const pid_t child = spawn(words);
    std::this_thread::sleep_for(delay);
    ::kill(child, SIGKILL);
    const int code = wait(child);
    EXPECT_TRUE(code == 0 || code == 128 + SIGKILL || code == 1) << code;
    killed_ += code == 128 + SIGKILL;
  }

  std::string file_, other_;
  std::mt19937 random_{20};
  int killed_ = 0;
};

TEST_F(Crash, AnywhereInCreateImportCopyAndRemove) {
  const std::vector<std::string> create = {"create", "m", "-f", home_ + "/Modelfile", "-q", "q8_0"};
  const auto of_import = time_of({"import", other_, "m"}), of_create = time_of(create);
  for (int round = 0; round < 44; ++round) {
    const std::vector<std::vector<std::string>> verbs = {
        {"import", round % 8 < 4 ? file_ : other_, "m"}, create, {"cp", "keep", "m"}, {"rm", "m"}};
    const auto& words = verbs[static_cast<size_t>(round) % verbs.size()];
    const auto delay =
        (&words == &verbs[1] ? of_create : of_import) * static_cast<int>(random_() % 1000) / 1000;
    if (words[0] == "rm") (void)run({"cp", "keep", "m"});
    kill_after(words, delay);
    expect_sound(words[0] + " killed in round " + std::to_string(round));
  }
  EXPECT_GT(killed_, 12) << "kills that came in time";
  clean_up();
  ASSERT_EQ(run({"import", other_, "m"}).code, 0);
  ASSERT_EQ(run({"rm", "m"}).code, 0);
}

TEST_F(Crash, AServerInTheMiddleOfUploads) {
  std::string bytes(size_t{8} << 20, 'u');
  for (int round = 0; round < 4; ++round) {
    bytes[0] = static_cast<char>('a' + round);
    const std::string digest =
        "sha256:" + sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
    const std::string err = home_ + "/serve.err";
    ServeProcess server(spawn_server(), err);
    ASSERT_FALSE(server.address().empty()) << text_of(err);
    std::thread killer([&, delay = random_() % 30] {
      std::this_thread::sleep_for(std::chrono::milliseconds(delay));
      server.kill();
    });
    engine::testing::HttpClient client(server.port());
    client.send(engine::testing::HttpClient::request("POST", "/api/blobs/" + digest, bytes));
    killer.join();
    expect_sound("an upload killed in round " + std::to_string(round));
    // A blob that has its name is whole.
    const std::string blob = home_ + "/models/blobs/sha256-" + digest.substr(7);
    if (fs::exists(blob)) {
      EXPECT_TRUE(text_of(blob) == bytes);
    }
  }
  clean_up();
}

}  // namespace
}  // namespace engine
