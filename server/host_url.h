// OLLAMA_HOST: the address a server binds to and a client connects to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

struct HostUrl {
  std::string scheme = "http";
  std::string host = "127.0.0.1";  // without brackets; empty: every interface
  uint16_t port = 11434;
  std::string path;       // "" or "/prefix", for clients behind a proxy
  bool bad_port = false;  // the port was unusable and the default was taken: worth a warning

  std::string authority() const;  // host:port, IPv6 in brackets
};

// Never fails: unusable parts fall back to their defaults.
HostUrl parse_host_url(std::string_view text);

}  // namespace engine
