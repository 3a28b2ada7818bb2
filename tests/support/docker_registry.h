// A real registry (the program of the package docker-registry) on a loopback port, with a folder
// of its own; ends with the object.
#pragma once

#include <sys/types.h>

#include <string>

namespace engine::testing {

class DockerRegistry {
 public:
  static bool installed();
  // The folder is the caller's; host() is "" when the program did not come up.
  explicit DockerRegistry(const std::string& folder);
  ~DockerRegistry();
  DockerRegistry(const DockerRegistry&) = delete;
  DockerRegistry& operator=(const DockerRegistry&) = delete;

  const std::string& host() const { return host_; }
  std::string log() const;  // what it has written so far, requests included

 private:
  std::string folder_, host_;
  pid_t pid_ = -1;
};

}  // namespace engine::testing
