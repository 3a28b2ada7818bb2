// Addresses are compared in the canonical text of inet_ntop.
#include "server/http/host_check.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace engine {
namespace {

struct Address {
  bool v6 = false;
  uint8_t bytes[16] = {};
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string s(text);
  Address a;
  if (inet_pton(AF_INET, s.c_str(), a.bytes) == 1) return a;
  a.v6 = true;
  if (inet_pton(AF_INET6, s.c_str(), a.bytes) != 1) return std::nullopt;
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(a.bytes, kMapped, 12) == 0) {  // ::ffff:1.2.3.4 is judged as 1.2.3.4
    Address v4;
    std::memcpy(v4.bytes, a.bytes + 12, 4);
    return v4;
  }
  return a;
}

std::string canonical(const Address& a) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.bytes, text, sizeof text);
  return text;
}

bool all_zero(const uint8_t* bytes, size_t n) {
  return std::all_of(bytes, bytes + n, [](uint8_t b) { return b == 0; });
}

bool is_loopback(const Address& a) {
  return a.v6 ? all_zero(a.bytes, 15) && a.bytes[15] == 1 : a.bytes[0] == 127;
}

bool is_local(const Address& a) {
  if (is_loopback(a) || all_zero(a.bytes, a.v6 ? 16 : 4)) return true;
  if (a.v6) return (a.bytes[0] & 0xfe) == 0xfc;  // fc00::/7
  return a.bytes[0] == 10 || (a.bytes[0] == 172 && (a.bytes[1] & 0xf0) == 16) ||
         (a.bytes[0] == 192 && a.bytes[1] == 168);
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Without port and brackets, lower case, without the final dot of a fully qualified name.
std::string bare_host(std::string_view header) {
  if (header.starts_with('['))
    header = header.substr(1, std::min(header.find(']'), header.size()) - 1);
  else if (const size_t colon = header.find(':');
           colon != std::string_view::npos && header.find(':', colon + 1) == std::string_view::npos)
    header = header.substr(0, colon);
  if (header.ends_with('.')) header.remove_suffix(1);
  return lower(header);
}

}  // namespace

bool is_loopback_host(std::string_view host) {
  if (host == "localhost") return true;
  const std::optional<Address> a = parse_address(host);
  return a && is_loopback(*a);
}

HostCheck::HostCheck(std::string_view bound) : active_(is_loopback_host(bound)) {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) == 0) machine_ = lower(name);
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  for (const ifaddrs* i = list; i; i = i->ifa_next) {
    if (!i->ifa_addr) continue;
    Address a;
    if (i->ifa_addr->sa_family == AF_INET) {
      std::memcpy(a.bytes, &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, 4);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      a.v6 = true;
      std::memcpy(a.bytes, &reinterpret_cast<const sockaddr_in6*>(i->ifa_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    own_.push_back(canonical(a));
  }
  freeifaddrs(list);
}

HostCheck::Verdict HostCheck::check(std::string_view host_header) const {
  if (!active_) return Verdict::allow;
  const std::string host = bare_host(host_header);
  if (host.empty()) return Verdict::allow;
  if (const std::optional<Address> a = parse_address(host)) {
    const bool own = std::find(own_.begin(), own_.end(), canonical(*a)) != own_.end();
    return is_local(*a) || own ? Verdict::allow : Verdict::refuse;
  }
  const bool known = host == "localhost" || (!machine_.empty() && host == machine_) ||
                     host.ends_with(".localhost") || host.ends_with(".local") ||
                     host.ends_with(".internal");
  return known ? Verdict::allow_name : Verdict::refuse;
}

}  // namespace engine
