// Defence against DNS rebinding: a server on a loopback address answers only to names that mean
// this machine or its network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engine {

// Is this the text of a loopback address, or "localhost"?
bool is_loopback_host(std::string_view host);

class HostCheck {
 public:
  // bound: the address the server listens on; any but a loopback address switches the check off.
  explicit HostCheck(std::string_view bound);

  enum class Verdict { allow, allow_name, refuse };  // allow_name: allowed, and it is no IP address
  Verdict check(std::string_view host_header) const;

 private:
  bool active_;
  std::string machine_;           // host name, lower case
  std::vector<std::string> own_;  // addresses of own interfaces, in canonical text
};

}  // namespace engine
