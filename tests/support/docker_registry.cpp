// The port is free to choose: the registry writes into its log which one it took.
#include "tests/support/docker_registry.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace engine::testing {

bool DockerRegistry::installed() {
  return std::system("command -v docker-registry > /dev/null 2>&1") == 0;
}

DockerRegistry::DockerRegistry(const std::string& folder) : folder_(folder) {
  std::filesystem::create_directories(folder_ + "/data");
  const std::string config = folder_ + "/registry.yml", log_path = folder_ + "/log";
  std::ofstream(config) << "version: 0.1\nstorage: { filesystem: { rootdirectory: " << folder_
                        << "/data }, delete: { enabled: true } }\nhttp: { addr: 127.0.0.1:0 }\n";
  pid_ = ::fork();
  if (pid_ == 0) {
    const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(log, 1);
    ::dup2(log, 2);
    ::setenv("OTEL_TRACES_EXPORTER", "none", 1);
    ::execlp("docker-registry", "docker-registry", "serve", config.c_str(), nullptr);
    ::_exit(127);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const std::string mark = "listening on 127.0.0.1:";
  while (host_.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::string text = log();
    const size_t at = text.find(mark), end = text.find_first_not_of("0123456789", at + mark.size());
    if (at != std::string::npos && end != std::string::npos)
      host_ = "127.0.0.1:" + text.substr(at + mark.size(), end - at - mark.size());
  }
}

DockerRegistry::~DockerRegistry() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string DockerRegistry::log() const {
  std::ifstream in(folder_ + "/log");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace engine::testing
