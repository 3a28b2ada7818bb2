// The key file byte by byte: an "openssh-key-v1" block whose strings are a length (u32, big-endian)
// and that many bytes.
#include "engine/store/auth.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "engine/store/blobs.h"
#include "engine/store/name.h"

namespace engine {
namespace {

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic("openssh-key-v1\0", 15);
constexpr std::string_view kType = "ssh-ed25519";
// base64 of the hexadecimal SHA-256 of nothing: token requests have no body
constexpr std::string_view kEmptyBody =
    "ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2FlNDFlNDY0OWI5MzRjYTQ5NTk5MWI3ODUyYjg1NQ==";
constexpr size_t kMaxKeyFile = 64 << 10;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* ctx) const { EVP_MD_CTX_free(ctx); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

void put_u32(std::string& out, size_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift & 255);
}

void put_string(std::string& out, std::string_view s) {
  put_u32(out, s.size());
  out += s;
}

std::string_view as_text(std::span<const unsigned char> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const unsigned char> as_octets(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string public_blob(std::span<const unsigned char> key) {
  std::string out;
  put_string(out, kType);
  put_string(out, as_text(key));
  return out;
}

// Reads from the front; `fine` turns false at the first thing that is not there.
struct Cursor {
  std::string_view rest;
  bool fine = true;

  std::string_view take(size_t n) {
    fine = fine && n <= rest.size();
    if (!fine) return {};
    const std::string_view out = rest.substr(0, n);
    rest.remove_prefix(n);
    return out;
  }
  size_t u32() {
    size_t v = 0;
    for (const char c : take(4)) v = v << 8 | static_cast<unsigned char>(c);
    return v;
  }
  std::string_view string() { return take(u32()); }
};

// Standard alphabet; "" for what is no base64.
std::string base64_bytes(std::string_view text) {
  std::string clean, out;
  for (const char c : text)
    if (c != '\n' && c != '\r' && c != ' ') clean += c;
  if (clean.size() % 4 != 0 || clean.empty()) return {};
  out.resize(clean.size() / 4 * 3);
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                as_octets(clean).data(), static_cast<int>(clean.size()));
  if (n < 0) return {};
  out.resize(static_cast<size_t>(n) - (clean.ends_with("==") ? 2 : clean.ends_with("=") ? 1 : 0));
  return out;
}

Status write_new(const std::string& path, mode_t mode, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    return Error{errno == EEXIST ? Errc::already_exists : Errc::io,
                 fmt::format("cannot create the key {}: {}", path, std::strerror(errno))};
  }
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                     ::fsync(fd) == 0;
  ::close(fd);
  if (whole) return ok;
  ::unlink(path.c_str());
  return Error{Errc::io, fmt::format("cannot write the key {}", path)};
}

bool vendor_host(std::string_view host) {
  return host == kDefaultHost || host == "ollama.com";
}

}  // namespace

std::string SigningKey::usual_path() {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == 0 ? "" : std::string(home) + "/.ollama/id_ed25519";
}

Result<SigningKey> SigningKey::read(const std::string& path) {
  ENGINE_TRY(text, read_file(path, kMaxKeyFile));
  const Error bad{Errc::corrupt,
                  fmt::format("{} is not an Ed25519 key in the format of OpenSSH without a "
                              "passphrase; move it away to get a new one",
                              path)};
  const size_t begin = text.find(kBegin), end = text.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return bad;
  const size_t data = begin + kBegin.size();
  std::string bytes = base64_bytes(std::string_view(text).substr(data, end - data));
  Cursor c{bytes};
  bool fine = c.take(kMagic.size()) == kMagic;
  fine = fine && c.string() == "none" && c.string() == "none" && c.string().empty() && c.u32() == 1;
  Cursor pub{c.string()}, priv{c.string()};
  const size_t check = priv.u32();
  fine = fine && c.fine && priv.u32() == check && priv.string() == kType;
  const std::string_view public_key = priv.string(), secret = priv.string();
  fine = fine && priv.fine && public_key.size() == 32 && secret.size() == 64 &&
         pub.string() == kType && pub.string() == public_key && secret.substr(32) == public_key;
  if (!fine) return bad;
  SigningKey key;
  std::memcpy(key.public_.data(), public_key.data(), 32);
  std::memcpy(key.seed_.data(), secret.data(), 32);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  OPENSSL_cleanse(text.data(), text.size());
  return key;
}

Result<SigningKey> SigningKey::create(const std::string& path) {
  SigningKey key;
  unsigned char check[4];
  size_t length = 32;
  const bool random = RAND_bytes(key.seed_.data(), 32) == 1 && RAND_bytes(check, 4) == 1;
  const KeyPtr pair(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key.seed_.data(), key.seed_.size()));
  if (!random || !pair || EVP_PKEY_get_raw_public_key(pair.get(), key.public_.data(), &length) != 1)
    return Error{Errc::internal, "the system gives no random numbers for a new key"};

  std::string secret;
  secret.append(as_text(check)).append(as_text(check));
  put_string(secret, kType);
  put_string(secret, as_text(key.public_));
  put_string(secret, std::string(as_text(key.seed_)).append(as_text(key.public_)));
  put_string(secret, "");
  for (char pad = 1; secret.size() % 8 != 0; ++pad) secret += pad;
  std::string block(kMagic);
  put_string(block, "none");
  put_string(block, "none");
  put_string(block, "");
  put_u32(block, 1);
  put_string(block, public_blob(key.public_));
  put_string(block, secret);
  std::string text = std::string(kBegin) + "\n";
  const std::string base64 = base64_text(as_octets(block));
  for (size_t at = 0; at < base64.size(); at += 70) text += base64.substr(at, 70) + "\n";
  text += std::string(kEnd) + "\n";

  std::error_code ec;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ec);
  ENGINE_TRY_STATUS(write_new(path, 0600, text));
  (void)::unlink((path + ".pub").c_str());  // of a key that is no more
  ENGINE_TRY_STATUS(write_new(path + ".pub", 0644, key.public_line() + "\n"));
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(secret.data(), secret.size());
  OPENSSL_cleanse(block.data(), block.size());
  return key;
}

std::string SigningKey::public_line() const {
  return std::string(kType) + " " + base64_text(as_octets(public_blob(public_)));
}

std::string SigningKey::sign(std::string_view text) const {
  const KeyPtr pair(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
  const std::unique_ptr<EVP_MD_CTX, FreeKey> ctx(EVP_MD_CTX_new());
  unsigned char signature[64];
  size_t length = sizeof signature;
  const std::span<const unsigned char> bytes = as_octets(text);
  const bool fine = pair && ctx &&
                    EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, pair.get()) == 1 &&
                    EVP_DigestSign(ctx.get(), signature, &length, bytes.data(), bytes.size()) == 1;
  ENGINE_CHECK(fine && length == sizeof signature, "signing with a key of 32 bytes cannot fail");
  return base64_text(as_octets(public_blob(public_))) + ":" + base64_text(signature);
}

Challenge parse_challenge(std::string_view header) {
  Challenge out;
  const size_t blank = header.find(' ');
  out.scheme = header.substr(0, blank);
  std::string_view rest = blank == std::string_view::npos ? "" : header.substr(blank + 1);
  while (!rest.empty()) {
    const size_t equals = rest.find('=');
    if (equals == std::string_view::npos) break;
    std::string_view key = rest.substr(0, equals);
    while (!key.empty() && (key.front() == ' ' || key.front() == ',')) key.remove_prefix(1);
    rest.remove_prefix(equals + 1);
    std::string value;
    if (rest.starts_with('"')) {
      size_t i = 1;
      for (; i < rest.size() && rest[i] != '"'; ++i) {
        if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
        value += rest[i];
      }
      rest.remove_prefix(std::min(i + 1, rest.size()));
    } else {
      const size_t end = std::min(rest.find(','), rest.size());
      value = rest.substr(0, end);
      rest.remove_prefix(end);
    }
    if (equal_ignoring_case(key, "realm")) out.realm = value;
    if (equal_ignoring_case(key, "service")) out.service = value;
    if (equal_ignoring_case(key, "scope")) out.scope = value;
  }
  return out;
}

bool hub_host(std::string_view host) {
  return host == "hf.co" || host == "huggingface.co";
}

Result<std::string> token_url(const Challenge& challenge, const Url& asked, std::string_view nonce,
                              int64_t unix_seconds) {
  ENGINE_TRY(realm, parse_url(challenge.realm));
  const bool pair = (hub_host(realm.host) && hub_host(asked.host)) ||
                    (vendor_host(realm.host) && vendor_host(asked.host));
  const bool downgrade = asked.scheme == "https" && realm.scheme != "https";
  if (downgrade || (realm.endpoint() != asked.endpoint() && !(pair && realm.scheme == "https"))) {
    return Error{Errc::invalid_argument,
                 fmt::format("realm host \"{}\" does not match original host \"{}\"",
                             realm.authority(), asked.authority())};
  }
  // keys sorted: nonce, scope..., service, ts
  std::string query = "nonce=" + form_encoded(nonce);
  size_t begin = 0;
  do {
    const size_t end = std::min(challenge.scope.find(' ', begin), challenge.scope.size());
    query += "&scope=" + form_encoded(std::string_view(challenge.scope).substr(begin, end - begin));
    begin = end + 1;
  } while (begin < challenge.scope.size());
  query += "&service=" + form_encoded(challenge.service) + fmt::format("&ts={}", unix_seconds);
  return with_query(realm.text(), query);
}

std::string token_text(std::string_view url) {
  return fmt::format("GET,{},{}", url, kEmptyBody);
}

std::string random_nonce() {
  unsigned char bytes[16];
  ENGINE_CHECK(RAND_bytes(bytes, sizeof bytes) == 1, "the system gives no random numbers");
  std::string text = base64_text(bytes);
  text.resize(22);
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string base64_text(std::span<const unsigned char> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // one more for the end that is written
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

}  // namespace engine
