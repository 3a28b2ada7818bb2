// Who we are to a registry: the Ed25519 key of this user (the same file that Ollama uses, in the
// format of OpenSSH), and the challenges of registries that want a token or a password.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/store/url.h"

namespace engine {

class SigningKey {
 public:
  // $HOME/.ollama/id_ed25519; "" without a HOME.
  static std::string usual_path();
  // Errc::not_found: no such file; corrupt: not an Ed25519 key without a passphrase.
  static Result<SigningKey> read(const std::string& path);
  // A new key in `path` (0600) and `path`.pub. Never overwrites: Errc::already_exists.
  static Result<SigningKey> create(const std::string& path);

  // "ssh-ed25519 <base64>": what a user enters in an account.
  std::string public_line() const;
  // "<base64 of the public key>:<base64 of the signature over text>".
  std::string sign(std::string_view text) const;

 private:
  std::array<unsigned char, 32> seed_{}, public_{};
};

// A WWW-Authenticate header.
struct Challenge {
  std::string scheme;  // "Bearer", "Basic"; "" when there is none
  std::string realm, service, scope;
};
Challenge parse_challenge(std::string_view header);

// The address that a token is asked from. Errc::invalid_argument when the realm lies elsewhere
// than what was asked (`realm host "<r>" does not match original host "<h>"`): no registry may
// collect signatures for another.
Result<std::string> token_url(const Challenge& challenge, const Url& asked, std::string_view nonce,
                              int64_t unix_seconds);
// The text that is signed for it.
std::string token_text(std::string_view url);

std::string random_nonce();  // 16 bytes, base64url without padding
std::string base64_text(std::span<const unsigned char> bytes);
// hf.co and the long name of the same host.
bool hub_host(std::string_view host);

}  // namespace engine
