// Tokens, redirects and repetition around Transfer.
#include "engine/store/registry_client.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/core/env.h"
#include "engine/core/json_io.h"
#include "engine/core/log.h"
#include "engine/store/blobs.h"
#include "engine/store/manifest.h"

namespace engine {
namespace {

constexpr int kMaxRedirects = 10;
constexpr int kRepeats = 3;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string trimmed(std::string s) {
  while (!s.empty() && (s.back() == '\n' || s.back() == '\r' || s.back() == ' ')) s.pop_back();
  return s;
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_after(const HttpAnswer& answer) {
  const std::string text(answer.header("Retry-After"));
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::chrono::seconds(std::min(std::atoi(text.c_str()), 60));
}

bool passing_status(int status) {
  return status == 429 || (status >= 502 && status <= 504);
}

RegistryClient::RegistryClient(ModelName name, RegistryOptions options, Url base)
    : name_(std::move(name)), options_(options), base_(std::move(base)) {
  // The token goes to the hub and to the host that the user named in its place, never in plain.
  const std::string token = hub_host(name_.host) ? env(Env::HF_TOKEN) : "";
  if (!token.empty() && base_.scheme == "https") authorization_ = "Bearer " + token;
}

Result<std::shared_ptr<RegistryClient>> RegistryClient::open(const ModelName& name,
                                                             const RegistryOptions& options) {
  std::string endpoint;
  if (hub_host(name.host)) {
    endpoint = env(Env::MODEL_ENDPOINT);
    if (endpoint.empty()) endpoint = env(Env::HF_ENDPOINT);
  }
  Url base;
  if (!endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    const auto url =
        parse_url(endpoint.find("://") == std::string::npos ? "https://" + endpoint : endpoint);
    if (!url || url->target != "/") {
      return Error{Errc::invalid_argument,
                   fmt::format("HF_ENDPOINT (or MODEL_ENDPOINT) is \"{}\"; give the address of a "
                               "host, such as https://hf.co",
                               endpoint)};
    }
    base = *url;
  } else {
    ENGINE_TRY(url, parse_url((name.scheme == "http" ? "http://" : "https://") + name.host));
    base = url;
    if (base.scheme == "http" && !options.insecure && !base.loopback())
      return Error{Errc::internal, "insecure protocol http"};
    if (options.insecure) base.scheme = "http";
  }
  return std::shared_ptr<RegistryClient>(new RegistryClient(name, options, base));
}

std::string RegistryClient::base_url() const {
  return base_.scheme + "://" + base_.authority();
}

std::string RegistryClient::manifest_url() const {
  return fmt::format("{}/v2/{}/{}/manifests/{}", base_url(), name_.space, name_.model, name_.tag);
}

std::string RegistryClient::blob_url(std::string_view digest) const {
  return fmt::format("{}/v2/{}/{}/blobs/{}", base_url(), name_.space, name_.model, digest);
}

std::string RegistryClient::upload_url() const {
  return fmt::format("{}/v2/{}/{}/blobs/uploads/", base_url(), name_.space, name_.model);
}

std::string RegistryClient::user_agent() const {
  std::string agent = env(Env::ENGINE_USER_AGENT);
  if (agent.empty()) {
    utsname machine{};
    const bool known = ::uname(&machine) == 0;
    agent = known ? fmt::format("{} ({} linux)", options_.agent, machine.machine) : options_.agent;
  }
  return "User-Agent: " + agent;
}

std::string RegistryClient::authorization(const Url& url) const {
  if (!same_server(base_, url)) return "";
  const std::lock_guard lock(mutex_);
  return authorization_.empty() ? "" : "Authorization: " + authorization_;
}

Result<HttpAnswer> RegistryClient::send_following(Transfer& transfer, HttpCall call, bool follow,
                                                  std::string* final_url) {
  const std::string first = call.url;
  const std::vector<std::string> headers = call.headers;
  for (int hops = 0;; ++hops) {
    ENGINE_TRY(url, parse_url(call.url));
    call.headers = headers;
    call.headers.push_back(user_agent());
    if (std::string line = authorization(url); !line.empty()) call.headers.push_back(line);
    if (final_url) *final_url = call.url;
    ENGINE_TRY(answer, transfer.perform(call));
    if (!follow || !is_redirect(answer.status) || answer.header("Location").empty()) return answer;
    if (hops == kMaxRedirects) {
      return Error{Errc::invalid_argument,
                   fmt::format("{} \"{}\": stopped after {} redirects",
                               call.method == "HEAD" ? "Head" : "Get", first, kMaxRedirects)};
    }
    ENGINE_TRY(next, resolve_url(url, answer.header("Location")));
    call.url = next.text();
  }
}

Result<HttpAnswer> RegistryClient::call(Transfer& transfer, HttpCall call, const CallRules& rules,
                                        std::string* final_url) {
  call.stall = options_.limits.stall;
  bool renewed = false;
  int network_errors = 0, repeats = 0;
  while (true) {
    ENGINE_TRY(asked, parse_url(call.url));
    const std::string used = authorization(asked);
    std::string reached;
    auto answer = send_following(transfer, call, rules.follows_redirects, &reached);
    if (!answer) {
      const Errc code = answer.error().code;
      const bool network = code == Errc::io || code == Errc::busy;
      if (!rules.repeats_network_errors || !network || network_errors == 2) return answer;
      const auto unit = options_.limits.second;
      if (!wait_or_cancel(network_errors++ == 0 ? unit / 2 : unit * 2, call.cancel))
        return Error{Errc::cancelled, "request canceled"};
      continue;
    }
    if (final_url) *final_url = reached;
    const int status = answer->status;
    if (status < 400) return answer;
    if (status == 401) {
      const Error denied = with_hint({Errc::invalid_argument, "unauthorized: access denied"}, 401);
      ENGINE_TRY(refuser, parse_url(reached));
      if (renewed || !same_server(base_, refuser)) return denied;
      renewed = true;
      const auto renewal = renew_token(transfer, *answer, reached, used, call.cancel);
      if (!renewal && renewal.error().code == Errc::not_found) return denied;  // no challenge
      if (!renewal) return with_hint(renewal.error(), 401);
      continue;
    }
    if (passing_status(status) && repeats < kRepeats) {
      const auto wait = retry_after(*answer).value_or(options_.limits.second * (1 << repeats));
      ++repeats;
      if (!wait_or_cancel(wait, call.cancel)) return Error{Errc::cancelled, "request canceled"};
      continue;
    }
    if (rules.passes_errors) return answer;
    if (status == 404) return with_hint({Errc::not_found, "file does not exist"}, status);
    return with_hint({Errc::io, fmt::format("{}: {}", status, trimmed(answer->body))}, status);
  }
}

Error RegistryClient::with_hint(Error error, int status) const {
  if (!hub_host(name_.host)) return error;
  if (status == 400)
    error.message += "; check the quantization tag; see the files of the repository";
  if (status == 401)
    error.message += "; the repository does not exist, is gated or private (set HF_TOKEN)";
  return error;
}

Status RegistryClient::renew_token(Transfer& transfer, const HttpAnswer& refused,
                                   const std::string& url, const std::string& used,
                                   const std::stop_token& cancel) {
  ENGINE_TRY(asked, parse_url(url));
  if (authorization(asked) != used) return ok;
  const Challenge challenge = parse_challenge(refused.header("WWW-Authenticate"));
  std::string value;
  if (equal_ignoring_case(challenge.scheme, "basic")) {
    ENGINE_TRY(credentials, basic_credentials(asked));
    value = "Basic " + credentials;
  } else if (equal_ignoring_case(challenge.scheme, "bearer")) {
    ENGINE_TRY(token, bearer_token(transfer, challenge, asked, cancel));
    value = "Bearer " + token;
  } else {
    return Error{Errc::not_found, "the registry does not say how to authenticate"};
  }
  const std::lock_guard lock(mutex_);
  authorization_ = value;
  return ok;
}

Result<std::string> RegistryClient::bearer_token(Transfer& transfer, const Challenge& challenge,
                                                 const Url& asked, const std::stop_token& cancel) {
  ENGINE_TRY(url, token_url(challenge, asked, random_nonce(), std::time(nullptr)));
  HttpCall call;
  call.url = url;
  call.cancel = cancel;
  call.stall = options_.limits.stall;
  call.headers = {user_agent()};
  const std::string path = SigningKey::usual_path();
  auto key =
      path.empty() ? Result<SigningKey>(Error{Errc::not_found, "no HOME"}) : SigningKey::read(path);
  if (!key && key.error().code == Errc::not_found && options_.creates_key && !path.empty()) {
    log_info("Couldn't find '{}'. Generating new private key.", path);
    key = SigningKey::create(path);
    if (key) log_info("Your new public key is: \n\n{}", key->public_line());
  }
  if (key) {
    call.headers.push_back("Authorization: " + key->sign(token_text(url)));
  } else if (key.error().code != Errc::not_found) {
    return key.error();
  }
  ENGINE_TRY(answer, transfer.perform(call));
  if (answer.status >= 400) {
    const std::string body = trimmed(answer.body);
    return Error{Errc::invalid_argument, body.empty() ? fmt::format("{}", answer.status)
                                                      : fmt::format("{}: {}", answer.status, body)};
  }
  const auto json = parse_json(answer.body);
  std::string token = json ? text_of(*json, "token") : "";
  if (token.empty() && json) token = text_of(*json, "access_token");
  // a line end would let the answer write headers of our next request
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return Error{Errc::corrupt, fmt::format("{} gave no token", url)};
  return token;
}

Result<std::string> RegistryClient::basic_credentials(const Url& asked) const {
  const std::string user = env(Env::ENGINE_REGISTRY_USER);
  if (!user.empty()) {
    const std::string text = user + ":" + env(Env::ENGINE_REGISTRY_PASSWORD);
    return base64_text({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != 0) {
    const auto text = read_file(std::string(home) + "/.docker/config.json", size_t{1} << 20);
    const auto json = text ? parse_json(*text) : Result<Json>(text.error());
    if (json && json->is_object() && json->contains("auths") && (*json)["auths"].is_object()) {
      const Json& auths = (*json)["auths"];
      const auto it = auths.find(asked.authority());
      const std::string auth = it != auths.end() ? text_of(*it, "auth") : "";
      if (!auth.empty() && auth.find_first_of("\r\n") == std::string::npos) return auth;
    }
  }
  return Error{Errc::invalid_argument,
               fmt::format("registry {} requires a user name and password: set "
                           "ENGINE_REGISTRY_USER and ENGINE_REGISTRY_PASSWORD",
                           asked.authority())};
}

}  // namespace engine
