// pull against a registry that misbehaves.
#include "tests/store/transfer_fixture.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using testing::Faults;
using Words = std::vector<std::string>;

class PullTest : public PullFixture {};

TEST_F(PullTest, StatusesWordForWord) {
  ASSERT_TRUE(pull());
  expect_whole();
  const std::string weights = "pulling " + digest_.substr(7, 12);
  const auto manifest = parse_manifest(registry_.manifest("u/m/manifests/latest"));
  const std::string license = "pulling " + manifest->layers[1].digest.substr(7, 12);
  const std::string config = "pulling " + manifest->config.digest.substr(7, 12);
  EXPECT_EQ(words(), (Words{"pulling manifest", weights, license, config, "verifying sha256 digest",
                            "writing manifest", "success"}));
  for (size_t i = 1; i < statuses_.size(); ++i) {
    if (statuses_[i].status != weights) continue;
    EXPECT_EQ(statuses_[i].digest, digest_);
    EXPECT_EQ(statuses_[i].total, 3'000'000);
    if (statuses_[i + 1].status != weights) {
      EXPECT_EQ(statuses_[i].completed, 3'000'000);
    }
  }
  // and again: one line for each blob, no byte
  const int64_t before = registry_.blob_bytes();
  ASSERT_TRUE(pull());
  EXPECT_EQ(statuses_.size(), 7u);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(statuses_[i].completed, statuses_[i].total);
  EXPECT_EQ(registry_.blob_bytes(), before);
}

TEST_F(PullTest, AsksAsRegistriesExpect) {
  ASSERT_TRUE(pull());
  const auto manifest = registry_.headers_of("GET /v2/u/m/manifests/latest");
  ASSERT_EQ(manifest.size(), 1u);
  EXPECT_NE(manifest[0].find("Accept: application/vnd.docker.distribution.manifest.v2+json"),
            std::string::npos);
  EXPECT_NE(manifest[0].find("User-Agent: engine"), std::string::npos);
  EXPECT_EQ(manifest[0].find("Authorization"), std::string::npos);
  EXPECT_EQ(registry_.count("HEAD /v2/u/m/blobs/" + digest_), 1);
  // 256 KiB parts, each byte once but the one that asks where the blob lies
  EXPECT_EQ(registry_.count("GET /v2/u/m/blobs/" + digest_ + " bytes="), 1 + 12);
}

TEST_F(PullTest, Redirects) {
  for (const int status : {301, 302, 303, 307, 308}) {
    SCOPED_TRACE(status);
    registry_.set([&](Faults& f) { f = {}, f.redirect = status, f.token = "secret"; });
    fs::remove_all(folder_ + "/models");
    const Status s = pull();
    ASSERT_TRUE(s) << s.error().message;
    expect_whole();
  }
  EXPECT_GT(registry_.count("*GET"), 0);
  for (const std::string& head : registry_.headers_of("*GET"))
    EXPECT_EQ(head.find("Authorization"), std::string::npos) << head;
}

TEST_F(PullTest, SignedAddressesExpire) {
  registry_.set([](Faults& f) { f.redirect = 307, f.url_uses = 4; });
  const Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
}

TEST_F(PullTest, AddressesThatNeverWork) {
  registry_.set([](Faults& f) {
    f.redirect = 307, f.status = 403, f.status_times = -1, f.status_path = "/blobs/";
  });
  EXPECT_EQ(pull_error(), "unexpected status code 403");
  expect_nothing();
}

TEST_F(PullTest, EndlessRedirects) {
  registry_.set([](Faults& f) { f.endless = true; });
  const std::string text = pull_error();
  EXPECT_TRUE(text.ends_with(": stopped after 10 redirects")) << text;
  EXPECT_TRUE(text.starts_with("Head \"http://127.0.0.1:")) << text;
}

TEST_F(PullTest, EndlessRedirectsOfTheBlobAlone) {
  registry_.set([](Faults& f) { f.endless = true, f.head_405 = true; });
  // HEAD redirects as well in this registry, so the length is taken from part files
  fs::create_directories(store().blobs().folder());
  const PartFiles files(store().blobs(), digest_);
  ASSERT_TRUE(files.write({0, 0, 3'000'000, 0}, false));
  std::ofstream(files.data_path()) << "";
  fs::resize_file(files.data_path(), 3'000'000);
  EXPECT_EQ(pull_error(), "maximum redirects exceeded (10) for directURL");
}

TEST_F(PullTest, Token) {
  registry_.set([](Faults& f) { f.token = "t1"; });
  Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
  auto asked = registry_.headers_of("GET /token");
  ASSERT_EQ(asked.size(), 1u);                                   // one token for everything
  EXPECT_EQ(asked[0].find("Authorization"), std::string::npos);  // there is no key
  EXPECT_FALSE(fs::exists(SigningKey::usual_path()));
  for (const char* part :
       {"nonce=", "&scope=repository%3Au%2Fm%3Apull&scope=x%3Ay&service=fake%2C+one&ts="})
    EXPECT_NE(asked[0].find(part), std::string::npos) << asked[0];
  // with a key the request is signed, and a token under the other name is taken as well
  ASSERT_TRUE(SigningKey::create(SigningKey::usual_path()));
  registry_.set([](Faults& f) { f.token = "t2", f.token_key = "access_token"; });
  fs::remove_all(folder_ + "/models");
  s = pull();
  ASSERT_TRUE(s) << s.error().message;
  asked = registry_.headers_of("GET /token");
  ASSERT_EQ(asked.size(), 2u);
  const auto key = SigningKey::read(SigningKey::usual_path());
  const size_t begin = asked[1].find("/token");
  const std::string url =
      "http://" + registry_.host() + asked[1].substr(begin, asked[1].find(" HTTP") - begin);
  EXPECT_NE(asked[1].find("Authorization: " + key->sign(token_text(url)) + "\r\n"),
            std::string::npos);
}

TEST_F(PullTest, TokenThatDoesNotHelp) {
  registry_.set([](Faults& f) { f.token = "t", f.token_key = "token\":\"wrong\",\"x"; });
  EXPECT_EQ(pull_error(), "pull model manifest: unauthorized: access denied");
}

TEST_F(PullTest, RealmOfAnotherHost) {
  registry_.set([](Faults& f) { f.token = "t", f.realm = "http://127.0.0.2:9/token"; });
  EXPECT_EQ(pull_error(),
            "pull model manifest: realm host \"127.0.0.2:9\" does not match original host \"" +
                registry_.host() + "\"");
  EXPECT_EQ(registry_.count("/token"), 0);
}

TEST_F(PullTest, Password) {
  registry_.set([](Faults& f) { f.token = "dXNlcjpwYXNz", f.basic = true; });
  EXPECT_EQ(pull_error(), "pull model manifest: registry " + registry_.host() +
                              " requires a user name and password: set ENGINE_REGISTRY_USER and "
                              "ENGINE_REGISTRY_PASSWORD");
  ::setenv("ENGINE_REGISTRY_USER", "user", 1);
  ::setenv("ENGINE_REGISTRY_PASSWORD", "wrong", 1);
  EXPECT_EQ(pull_error(), "pull model manifest: unauthorized: access denied");
  ::setenv("ENGINE_REGISTRY_PASSWORD", "pass", 1);
  EXPECT_TRUE(pull());
  ::unsetenv("ENGINE_REGISTRY_USER");
  fs::remove_all(folder_ + "/models");
  fs::create_directories(folder_ + "/.docker");
  std::ofstream(folder_ + "/.docker/config.json")
      << R"({"auths":{")" << registry_.host() << R"(":{"auth":"dXNlcjpwYXNz"}}})";
  EXPECT_TRUE(pull());
  expect_whole();
}

TEST_F(PullTest, StallInTheMiddleOfAPart) {
  registry_.set([](Faults& f) { f.stall_after = 100'000, f.stall_times = 3; });
  const Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
}

TEST_F(PullTest, StallsForEver) {
  registry_.set([](Faults& f) { f.stall_after = 0, f.stall_times = -1; });
  RegistryOptions o = options();
  o.limits.standstill = std::chrono::milliseconds(1000);
  EXPECT_EQ(pull_error(o), "download stalled");
}

TEST_F(PullTest, NoRanges) {
  registry_.set([](Faults& f) { f.no_ranges = true; });
  Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
  // the same behind a redirect, where it shows only when the first part comes
  registry_.set([](Faults& f) { f.redirect = 302; });
  fs::remove_all(folder_ + "/models");
  s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
}

TEST_F(PullTest, NoRangesAndCutConnections) {
  registry_.set([](Faults& f) { f.no_ranges = true, f.cut_after = 1'000'000, f.cut_times = 3; });
  Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
  fs::remove_all(folder_ + "/models");
  registry_.set([](Faults& f) { f.cut_times = -1; });
  s = pull();
  ASSERT_FALSE(s);
  EXPECT_TRUE(s.error().message.starts_with("max retries exceeded: Get \"http"))
      << s.error().message;
}

TEST_F(PullTest, WrongRange) {
  registry_.set([](Faults& f) { f.wrong_range = true; });
  const std::string text = pull_error();
  EXPECT_TRUE(text.starts_with("max retries exceeded: the server answered with the range \"bytes "))
      << text;
}

TEST_F(PullTest, WrongBytes) {
  registry_.set([](Faults& f) { f.wrong_bytes = true; });
  const std::string text = pull_error();
  const std::string start =
      "digest mismatch, file must be downloaded again: want " + digest_ + ", got sha256:";
  EXPECT_TRUE(text.starts_with(start)) << text;
  EXPECT_EQ(text.size(), start.size() + 64);
  EXPECT_EQ(words().back(), "verifying sha256 digest");
  expect_nothing();
  EXPECT_EQ(leftovers(), Words());  // the bytes are gone
  registry_.set([](Faults& f) { f.wrong_bytes = false; });
  ASSERT_TRUE(pull());
  expect_whole();
}

TEST_F(PullTest, WrongLength) {
  registry_.set([](Faults& f) { f.head_length_off = 5; });
  EXPECT_EQ(pull_error(), "size mismatch for " + digest_ + ": manifest 3000000, server 3000005");
  registry_.set([](Faults& f) { f.head_length_off = 0, f.short_by = 1; });
  const std::string text = pull_error();
  EXPECT_TRUE(text.starts_with("max retries exceeded: the server ended the answer after ")) << text;
  expect_nothing();
  registry_.set([](Faults& f) { f.short_by = 0; });
  ASSERT_TRUE(pull());
  expect_whole();
}

TEST_F(PullTest, NoHead) {
  registry_.set([](Faults& f) { f.head_405 = true; });
  const Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
}

TEST_F(PullTest, CutConnections) {
  registry_.set([](Faults& f) { f.cut_after = 64 << 10, f.cut_times = 20; });
  const Status s = pull();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
  EXPECT_LT(registry_.blob_bytes(), 3'000'000 * 1.02 + (20 << 16));
}

TEST_F(PullTest, NothingButCutConnections) {
  registry_.set([](Faults& f) { f.cut_after = 0, f.cut_times = -1; });
  const std::string text = pull_error();
  EXPECT_TRUE(text.starts_with("max retries exceeded: Get \"http://127.0.0.1:")) << text;
}

TEST_F(PullTest, BusyRegistries) {
  for (const int status : {429, 502, 503, 504}) {
    SCOPED_TRACE(status);
    registry_.set([&](Faults& f) { f = {}, f.status = status, f.status_times = 3; });
    fs::remove_all(folder_ + "/models");
    const Status s = pull();
    ASSERT_TRUE(s) << s.error().message;
    expect_whole();
  }
  registry_.set(
      [&](Faults& f) { f = {}, f.status = 429, f.status_times = 1, f.retry_after = "1"; });
  const auto started = std::chrono::steady_clock::now();
  ASSERT_TRUE(pull());
  EXPECT_GE(std::chrono::steady_clock::now() - started, std::chrono::seconds(1));
  registry_.set([](Faults& f) { f = {}, f.status = 503, f.status_times = -1; });
  EXPECT_EQ(pull_error(), "pull model manifest: 503: {\"error\":\"no\"}");
}

TEST_F(PullTest, OtherStatuses) {
  registry_.set([](Faults& f) { f.status = 404, f.status_times = -1; });
  EXPECT_EQ(pull_error(), "pull model manifest: file does not exist");
  EXPECT_EQ(words(), Words{"pulling manifest"});
  registry_.set([](Faults& f) { f.status = 400, f.status_body = std::string(9999, 'x') + "\n"; });
  EXPECT_EQ(pull_error(), "pull model manifest: 400: " + std::string(4096, 'x'));
  registry_.set([](Faults& f) { f.status = 500, f.status_path = "/blobs/"; });
  EXPECT_EQ(pull_error(), "unexpected status code 500");
}

TEST_F(PullTest, NobodyThere) {
  const ModelName nobody = *parse_model_name("http://127.0.0.1:1/u/m");
  const Status s = pull_model(store(), downloads_, nobody, options(), {}, [](auto&) {});
  ASSERT_FALSE(s);
  EXPECT_TRUE(
      s.error().message.starts_with("pull model manifest: Get \"http://127.0.0.1:1/v2/u/m/"))
      << s.error().message;
}

TEST_F(PullTest, ThroughAProxy) {
  RegistryOptions o = options();
  o.insecure = true;
  const auto pull_far = [&] {
    return pull_model(store(), downloads_, *parse_model_name("registry.invalid:5000/u/m"), o, {},
                      [](auto&) {});
  };
  for (const char* name : {"http_proxy", "no_proxy", "NO_PROXY"}) ::unsetenv(name);
  ::setenv("HTTP_PROXY", ("http://" + registry_.host()).c_str(), 1);
  const Status s = pull_far();
  EXPECT_TRUE(s) << s.error().message;
  EXPECT_EQ(stored(digest_), weights_);
  EXPECT_EQ(registry_.count("proxied "), static_cast<int>(registry_.requests().size()));
  ASSERT_TRUE(pull());  // this machine is asked directly
  EXPECT_EQ(registry_.count("GET /v2/u/m/manifests/latest"), 2);
  ::setenv("NO_PROXY", "registry.invalid", 1);
  EXPECT_FALSE(pull_far());
  ::unsetenv("NO_PROXY");
  ::unsetenv("HTTP_PROXY");
}

TEST_F(PullTest, PlainHttpNeedsAWord) {
  const auto error = [&](const char* text) {
    const Status s = pull_model(store(), downloads_, *parse_model_name(text), options(), {},
                                [](auto&) { FAIL() << "a status before the check"; });
    return s ? "" : s.error().message;
  };
  EXPECT_EQ(error("http://example.org/u/m"), "insecure protocol http");
}

TEST_F(PullTest, Manifests) {
  const auto error = [&](const std::string& text) {
    registry_.set_manifest("u/m/manifests/latest", text);
    return pull_error();
  };
  EXPECT_EQ(error(R"({"layers":[{"digest":""}]})"), "u/m: digest is empty");
  EXPECT_EQ(error(R"({"layers":[{"digest":"sha256:../../etc"}]})"), "invalid digest format");
  EXPECT_EQ(error(R"({"layers":[{"mediaType":"application/vnd.ollama.image.tensor"}]})"),
            "this model uses tensor layers, which this engine does not support yet");
  EXPECT_TRUE(error("[]").starts_with("pull model manifest: invalid manifest: "));
  EXPECT_TRUE(error("nonsense").starts_with("pull model manifest: "));
  EXPECT_NE(error(std::string((4 << 20) + 1, ' ')).find("larger than"), std::string::npos);
  EXPECT_FALSE(store().has(name()));
}

TEST_F(PullTest, NewVersionRemovesWhatOnlyTheOldOneUsed) {
  ASSERT_TRUE(pull());
  const auto old = *parse_manifest(*store().manifest_bytes(name()));
  registry_.add_model("u/m", {weights_, noise(50, 9)});
  ASSERT_TRUE(pull());
  EXPECT_EQ(words()[words().size() - 2], "removing unused layers");
  EXPECT_TRUE(store().blobs().has(digest_));
  EXPECT_FALSE(store().blobs().has(old.layers[1].digest));
  ::setenv("OLLAMA_NOPRUNE", "1", 1);
  const auto second = *parse_manifest(*store().manifest_bytes(name()));
  registry_.add_model("u/m", {weights_});
  ASSERT_TRUE(pull());
  EXPECT_EQ(words()[words().size() - 2], "writing manifest");
  EXPECT_TRUE(store().blobs().has(second.layers[1].digest));
}

TEST_F(PullTest, EmptyBlob) {
  registry_.add_model("u/m", {""});
  const Status s = pull();
  // a manifest that gives no size, and a server that gives the length 0
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_TRUE(store().blobs().has(registry_.add_blob("")));
}

TEST_F(PullTest, StoreThatCannotBeWritten) {
  std::ofstream(folder_ + "/models") << "a file";
  const std::string text = pull_error();
  EXPECT_NE(text.find("ensure path elements are traversable"), std::string::npos) << text;
  EXPECT_NE(text.find(folder_), std::string::npos) << text;
}

TEST_F(PullTest, HubNamesAndTheirHints) {
  const auto pull_hub = [&] {
    const Status s = pull_model(store(), downloads_, *parse_model_name("hf.co/u/m"), options(), {},
                                [](auto&) {});
    return s ? "" : s.error().message;
  };
  ::setenv("HF_ENDPOINT", ("http://" + registry_.host() + "/").c_str(), 1);
  ::setenv("HF_TOKEN", "hub-secret", 1);
  EXPECT_EQ(pull_hub(), "");
  EXPECT_TRUE(store().has(*parse_model_name("hf.co/u/m")));
  for (const std::string& head : registry_.headers_of(""))  // never in plain
    EXPECT_EQ(head.find("hub-secret"), std::string::npos);
  registry_.set([](Faults& f) { f.status = 401, f.status_times = -1; });
  EXPECT_EQ(pull_hub(),
            "pull model manifest: unauthorized: access denied; the repository does not exist, is "
            "gated or private (set HF_TOKEN)");
  registry_.set([](Faults& f) { f.status = 400, f.status_body = "no such tag"; });
  EXPECT_EQ(pull_hub(),
            "pull model manifest: 400: no such tag; check the quantization tag; see the files of "
            "the repository");
  ::setenv("MODEL_ENDPOINT", "http://127.0.0.1:1", 1);  // wins
  EXPECT_NE(pull_hub().find("127.0.0.1:1/"), std::string::npos);
  ::setenv("MODEL_ENDPOINT", "not a host", 1);
  EXPECT_TRUE(pull_hub().starts_with("HF_ENDPOINT (or MODEL_ENDPOINT) is"));
  ::unsetenv("MODEL_ENDPOINT");
}

}  // namespace
}  // namespace engine
