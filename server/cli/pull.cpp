// `engine pull` and `engine push`.
#include "server/cli/pull.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "engine/store/name.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/progress.h"

namespace engine::cli {
namespace {

// A stream of statuses, shown as they come. What the server refuses before the stream begins is
// told with its status, as clients of such streams expect. A registry that hangs up must not end the
// program when it works in this process.
Status follow(Client& client, const std::string& path, const std::string& name, bool insecure) {
  ::signal(SIGPIPE, SIG_IGN);
  ProgressView view;
  const Json body{{"model", name}, {"insecure", insecure}, {"stream", true}};
  Status status =
      client.call("POST", path, &body, [&view](const Json& object) { view.show(object); });
  view.finish();
  if (!status && status.error().code == Errc::invalid_argument)
    status.error().message = "400 Bad Request: " + status.error().message;
  return status;
}

Result<std::unique_ptr<Client>> transfer_client() {
  catch_interrupts();
  return connect_or_local_client();
}

bool says_not_allowed(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find("access denied") != std::string::npos ||
         text.find("unauthorized") != std::string::npos;
}

Status pull(const Args& args) {
  ENGINE_TRY(client, transfer_client());
  return pull_model(*client, args.words[0], args.has("--insecure"));
}

Status push(const Args& args) {
  ENGINE_TRY(client, transfer_client());
  const Status status = follow(*client, "/api/push", args.words[0], args.has("--insecure"));
  if (!status && says_not_allowed(status.error().message)) {
    return Error{status.error().code,
                 "you are not authorized to push to this namespace, create the model under a "
                 "namespace you own"};
  }
  if (!status) return status;
  const auto name = parse_user_name(args.words[0]);
  fmt::print("\nYou can find your model at:\n\n\t{}\n",
             name ? name->full() : std::string(args.words[0]));
  return ok;
}

constexpr Flag kPullFlags[] = {{"--insecure", "", "speak plain HTTP to the registry"}};
constexpr Env kPullEnvironment[] = {Env::OLLAMA_HOST,
                                    Env::OLLAMA_MODELS,
                                    Env::ENGINE_PULL_PARTS,
                                    Env::HF_ENDPOINT,
                                    Env::HF_TOKEN,
                                    Env::HTTPS_PROXY,
                                    Env::NO_PROXY,
                                    Env::ENGINE_REGISTRY_USER,
                                    Env::ENGINE_REGISTRY_PASSWORD};

}  // namespace

Status pull_model(Client& client, const std::string& name, bool insecure) {
  return follow(client, "/api/pull", name, insecure);
}

extern const Verb verb_pull;
const Verb verb_pull = {
    "pull",
    "",
    "MODEL",
    "Fetch a model from a registry",
    1,
    1,
    kPullFlags,
    kPullEnvironment,
    pull,
    "MODEL is a name of the usual registry (llama3.2, llama3.2:1b), of another one "
    "(host:port/namespace/model:tag),\nor of the hub (hf.co/user/repository:quantization). "
    "A pull that was interrupted goes on where it stopped. Works without a server."};

extern const Verb verb_push;
const Verb verb_push = {
    "push",     "",
    "MODEL",    "Send a model to a registry",
    1,          1,
    kPullFlags, kPullEnvironment,
    push,       "The registry is that of the name: `engine cp` gives a model another one."};

}  // namespace engine::cli
