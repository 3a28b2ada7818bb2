// `engine signin`, `signout` and `launch`: what Ollama has and this engine does not.
#include <fmt/format.h>

#include <cstdlib>

#include "engine/store/blobs.h"
#include "server/cli/flags.h"

namespace engine::cli {
namespace {

constexpr size_t kMostKeyBytes = 1 << 16;

// There is no account; what a registry knows this machine by is its key.
Status account(const Args&) {
  const char* home = std::getenv("HOME");
  const std::string path = std::string(home ? home : "") + "/.ollama/id_ed25519";
  fmt::print("this engine has no account; push uses the key {}\n", path);
  if (const auto key = read_file(path + ".pub", kMostKeyBytes))
    fmt::print("{}{}", *key, key->ends_with('\n') ? "" : "\n");
  else
    fmt::print("there is none yet: it is made when it is first needed\n");
  return ok;
}

Status launch(const Args&) {
  return Error{Errc::unsupported, "launch is not available in this engine"};
}

constexpr Flag kLaunchFlags[] = {{"--model", "M", nullptr},
                                 {"--config", "", nullptr},
                                 {"--restore", "", nullptr},
                                 {"-y,--yes", "", nullptr}};

}  // namespace

extern const Verb verb_signin, verb_signout, verb_launch;
const Verb verb_signin = {
    "signin", "login", "",     "Show the key that registries know this machine by", 0, 0,
    {},       {},      account};
const Verb verb_signout = {
    "signout", "logout", "", "The same: there is no account to leave", 0, 0, {}, {}, account};
const Verb verb_launch = {"launch",     "", "[INTEGRATION]", "Not available", 0, -1,
                          kLaunchFlags, {}, launch};

}  // namespace engine::cli
