// RegistryClient: requests to the registry that a model name belongs to, with everything that all
// of them share: addresses, tokens, redirects, repetition, the texts of errors.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/store/auth.h"
#include "engine/store/name.h"
#include "engine/store/transfer.h"
#include "engine/store/url.h"

namespace engine {

// Times and sizes; the defaults are those of the protocol, tests make them small.
struct RegistryLimits {
  std::chrono::milliseconds stall{30000};        // no byte: the attempt is repeated
  std::chrono::milliseconds standstill{600000};  // of a whole blob: it is given up
  std::chrono::milliseconds second{1000};        // the unit that delays between tries are made of
  std::chrono::milliseconds resolve{30000};      // in all, to find out where a blob lies
  int tries = 6;                                 // of a part
  int storage_puts = 8;                          // parts of a push on their way to storage at once
  int64_t part_bytes_min = 100'000'000, part_bytes_max = 1'000'000'000;
  int parts = 0;  // 0: ENGINE_PULL_PARTS
};

struct RegistryOptions {
  bool insecure = false;         // plain HTTP
  bool creates_key = false;      // makes the key of this user when a token must be signed
  std::string agent = "engine";  // name and version of this program, for the registry
  RegistryLimits limits = {};
};

// How to send a call.
struct CallRules {
  bool repeats_network_errors = false;  // twice: of requests that change nothing
  bool follows_redirects = true;
  bool passes_errors = false;  // statuses >= 400 but 401 are an answer, not an Error
};

// Thread-safe: a token that one thread got serves all.
class RegistryClient {
 public:
  // Errors: "insecure protocol http"; an address in the environment that is none.
  static Result<std::shared_ptr<RegistryClient>> open(const ModelName& name,
                                                      const RegistryOptions& options);

  const RegistryLimits& limits() const { return options_.limits; }
  std::string base_url() const;  // "https://host"
  bool is_hub() const { return hub_host(name_.host); }
  std::string manifest_url() const;
  std::string blob_url(std::string_view digest) const;
  std::string upload_url() const;

  // Sends the call with User-Agent and, to the registry itself only, Authorization. 401: gets a
  // token and sends it once more. 429 and 502 to 504 are repeated up to three times. Errors:
  // not_found "file does not exist" (404), "unauthorized: access denied", "<code>: <body>".
  // final_url: where the last redirect led to.
  Result<HttpAnswer> call(Transfer& transfer, HttpCall call, const CallRules& rules = {},
                          std::string* final_url = nullptr);
  // The Authorization header line for the address; "" for foreign ones and before there is a
  // token.
  std::string authorization(const Url& url) const;
  // After a 401: gets a new token. A token that another thread got meanwhile is taken instead.
  Status renew_token(Transfer& transfer, const HttpAnswer& refused, const std::string& url,
                     const std::string& used, const std::stop_token& cancel);
  std::string user_agent() const;  // "User-Agent: ..."

 private:
  RegistryClient(ModelName name, RegistryOptions options, Url base);
  Result<HttpAnswer> send_following(Transfer& transfer, HttpCall call, bool follow,
                                    std::string* final_url);
  Result<std::string> bearer_token(Transfer& transfer, const Challenge& challenge, const Url& asked,
                                   const std::stop_token& cancel);
  Result<std::string> basic_credentials(const Url& asked) const;
  Error with_hint(Error error, int status) const;

  const ModelName name_;
  const RegistryOptions options_;
  const Url base_;
  mutable std::mutex mutex_;
  std::string authorization_;  // value of the header; "": none yet
};

// How long the server asks to wait, at most a minute; nullopt: it does not say.
std::optional<std::chrono::milliseconds> retry_after(const HttpAnswer& answer);
// Statuses that a later try may not meet again.
bool passing_status(int status);

}  // namespace engine
