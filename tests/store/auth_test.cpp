// The key file, signatures, challenges.
#include "engine/store/auth.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace engine {
namespace {

namespace fs = std::filesystem;

class KeyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-key-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/.ollama/id_ed25519";
  }
  void TearDown() override { fs::remove_all(folder_); }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // What a command prints; its exit code is in code_.
  std::string output(const std::string& command) {
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::string out;
    std::array<char, 512> buffer;
    while (std::fgets(buffer.data(), buffer.size(), pipe)) out += buffer.data();
    code_ = ::pclose(pipe);
    return out;
  }
  static std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
      out += digits;
    }
    return out;
  }
  static std::string base64_bytes(const std::string& text) {
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    uint32_t bits = 0;
    int n = 0;
    for (const char c : text) {
      if (c == '=') break;
      bits = bits << 6 | static_cast<uint32_t>(alphabet.find(c));
      if ((n += 6) >= 8) out += static_cast<char>(bits >> (n -= 8) & 255);
    }
    return out;
  }
  std::string folder_, path_;
  int code_ = 0;
};

TEST_F(KeyTest, CreatedOnceAndReadBack) {
  EXPECT_EQ(SigningKey::read(path_).error().code, Errc::not_found);
  const auto made = SigningKey::create(path_);
  ASSERT_TRUE(made) << made.error().message;
  struct stat st;
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(read(path_ + ".pub"), made->public_line() + "\n");
  const auto again = SigningKey::read(path_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->public_line(), made->public_line());
  EXPECT_EQ(again->sign("x"), made->sign("x"));
  const std::string before = read(path_);
  EXPECT_EQ(SigningKey::create(path_).error().code, Errc::already_exists);
  EXPECT_EQ(read(path_), before);
}

TEST_F(KeyTest, OpenSshReadsIt) {
  if (output("command -v ssh-keygen").empty())
    GTEST_SKIP() << "ssh-keygen is missing (package openssh-client)";
  const auto key = SigningKey::create(path_);
  ASSERT_TRUE(key);
  const std::string list = output("ssh-keygen -l -f " + path_);
  EXPECT_EQ(code_, 0) << list;
  EXPECT_TRUE(list.starts_with("256 SHA256:")) << list;
  EXPECT_NE(list.find("(ED25519)"), std::string::npos) << list;
  // and derives the same public key from it
  EXPECT_EQ(output("ssh-keygen -y -f " + path_).substr(0, key->public_line().size()),
            key->public_line());
}

TEST_F(KeyTest, ReadsWhatOpenSshMade) {
  if (output("command -v ssh-keygen").empty())
    GTEST_SKIP() << "ssh-keygen is missing (package openssh-client)";
  fs::create_directories(folder_ + "/.ollama");
  output("ssh-keygen -q -t ed25519 -N '' -C someone@host -f " + path_);
  const auto key = SigningKey::read(path_);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_TRUE(read(path_ + ".pub").starts_with(key->public_line()));
  fs::remove(path_);
  output("ssh-keygen -q -t ed25519 -N secret -f " + path_);
  const auto closed = SigningKey::read(path_);
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().message.find("without a passphrase"), std::string::npos);
}

TEST_F(KeyTest, SignatureVerifiedByOtherMeans) {
  const auto key = SigningKey::create(path_);
  ASSERT_TRUE(key);
  const std::string text = token_text("https://h/token?a=b");
  const std::string both = key->sign(text);
  const size_t colon = both.find(':');
  ASSERT_NE(colon, std::string::npos);
  EXPECT_EQ("ssh-ed25519 " + both.substr(0, colon), key->public_line());
  const std::string blob = base64_bytes(both.substr(0, colon));
  ASSERT_EQ(blob.size(), 4u + 11 + 4 + 32);
  const std::string signature = base64_bytes(both.substr(colon + 1));
  ASSERT_EQ(signature.size(), 64u);
  const std::string verify = "python3 " ENGINE_SOURCE_DIR "/tests/store/verify_ed25519.py " +
                             hex(blob.substr(19)) + " " + hex(signature) + " ";
  EXPECT_EQ(output(verify + hex(text)), "");
  EXPECT_EQ(code_, 0);
  output(verify + hex(text + "x"));
  EXPECT_NE(code_, 0);
}

TEST_F(KeyTest, BrokenFiles) {
  fs::create_directories(folder_ + "/.ollama");
  ASSERT_TRUE(SigningKey::create(path_));
  const std::string good = read(path_);
  // every cut, and changes of single characters: an error or a key, never a crash
  for (size_t n = 0; n < good.size(); n += 3) {
    std::ofstream(path_, std::ios::binary) << good.substr(0, n);
    (void)SigningKey::read(path_);
    std::string changed = good;
    changed[n] = 'A';
    std::ofstream(path_, std::ios::binary) << changed;
    (void)SigningKey::read(path_);
  }
  std::ofstream(path_, std::ios::binary) << "no key";
  EXPECT_EQ(SigningKey::read(path_).error().code, Errc::corrupt);
}

TEST(Challenge, Parts) {
  const Challenge c = parse_challenge(
      R"(Bearer realm="https://h/token",service="a, \"b\"",scope="repository:u/m:pull,push x")");
  EXPECT_EQ(c.scheme, "Bearer");
  EXPECT_EQ(c.realm, "https://h/token");
  EXPECT_EQ(c.service, "a, \"b\"");
  EXPECT_EQ(c.scope, "repository:u/m:pull,push x");
  EXPECT_EQ(parse_challenge("Basic realm=x").scheme, "Basic");
  EXPECT_EQ(parse_challenge("").scheme, "");
  EXPECT_EQ(parse_challenge("Bearer realm=\"open").realm, "open");
}

TEST(Challenge, TokenUrl) {
  const Url asked = *parse_url("https://h/v2/x");
  const Challenge c{"Bearer", "https://h/token?a=1", "s v", "repository:u/m:pull x"};
  EXPECT_EQ(*token_url(c, asked, "NO-n_ce", 17),
            "https://h/token?a=1&nonce=NO-n_ce&scope=repository%3Au%2Fm%3Apull&scope=x&service=s+v"
            "&ts=17");
  EXPECT_EQ(*token_url({"Bearer", "https://h/t", "", ""}, asked, "n", 1),
            "https://h/t?nonce=n&scope=&service=&ts=1");
  EXPECT_EQ(token_text("https://h/t"),
            "GET,https://h/t,ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2FlNDFlNDY0OWI5MzRjYTQ5N"
            "Tk5MWI3ODUyYjg1NQ==");
}

TEST(Challenge, RealmMustBeThatOfTheRegistry) {
  const auto refused = [](const char* realm, const char* asked) {
    const auto url = token_url({"Bearer", realm, "", ""}, *parse_url(asked), "n", 1);
    return url ? std::string() : url.error().message;
  };
  EXPECT_EQ(refused("https://evil/token", "https://h/v2/"),
            "realm host \"evil\" does not match original host \"h\"");
  EXPECT_EQ(refused("https://h:1/token", "https://h:2/v2/"),
            "realm host \"h:1\" does not match original host \"h:2\"");
  EXPECT_NE(refused("http://h/token", "https://h/v2/"), "");
  EXPECT_EQ(refused("https://huggingface.co/token", "https://hf.co/v2/"), "");
  EXPECT_EQ(refused("https://hf.co/token", "https://huggingface.co/v2/"), "");
  EXPECT_EQ(refused("https://ollama.com/token", "https://registry.ollama.ai/v2/"), "");
  EXPECT_NE(refused("https://ollama.com/token", "https://hf.co/v2/"), "");
  EXPECT_NE(refused("not an address", "https://hf.co/v2/"), "");
}

TEST(Challenge, NoncesDiffer) {
  const std::string a = random_nonce();
  EXPECT_EQ(a.size(), 22u);
  EXPECT_EQ(a.find_first_of("+/="), std::string::npos);
  EXPECT_NE(a, random_nonce());
}

}  // namespace
}  // namespace engine
