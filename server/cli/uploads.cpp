// A few threads that take files from one list.
#include "server/cli/uploads.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "engine/core/cpu_info.h"
#include "engine/store/digest.h"
#include "server/cli/interrupt.h"

namespace engine::cli {

int uploads_at_once() {
  return std::clamp(usable_cores() - 1, 1, 8);
}

void Uploads::add(const std::vector<LocalFile>& files) {
  for (const LocalFile& file : files) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(file.path, ec);
    files_[file.path].size = ec ? 0 : static_cast<int64_t>(size);
  }
}

Status Uploads::go_on() const {
  if (interrupted()) return Error{Errc::cancelled, "interrupted"};
  if (failed_) return Error{Errc::cancelled, "another file failed"};
  return ok;
}

Status Uploads::each(const Work& work) {
  std::mutex mutex;
  auto next = files_.begin();
  Status result = ok;
  const auto take_files = [&] {
    while (true) {
      std::unique_lock lock(mutex);
      if (next == files_.end() || failed_) return;
      auto& [path, file] = *next++;
      lock.unlock();
      const Status done = work(path, file);
      if (done) continue;
      lock.lock();
      if (!failed_.exchange(true)) result = done;
    }
  };
  const auto helpers = std::min(static_cast<size_t>(at_once_), files_.size());
  {
    std::vector<std::jthread> threads;
    try {
      for (size_t i = 1; i < helpers; ++i) threads.emplace_back(take_files);
    } catch (const std::system_error&) {  // fewer threads do it, too
    }
    take_files();
  }
  return result;
}

Status Uploads::hash() {
  return each([this](const std::string& path, File& file) -> Status {
    ENGINE_TRY(source, source_of_file(path));
    ENGINE_TRY(digest, digest_of(watched(std::move(source), [this](int64_t) { return go_on(); })));
    file.digest = std::move(digest);
    return ok;
  });
}

Status Uploads::send() {
  return each([this](const std::string& path, const File& file) {
    const auto watch = [&](int64_t done) {
      const int64_t percent = file.size <= 0 ? 100 : std::min<int64_t>(100, done * 100 / file.size);
      view_.spin(fmt::format("copying file {} {}%", file.digest, percent));
      return go_on();
    };
    Status sent = client_.upload(file.digest, path, watch);
    if (!sent && sent.error().code != Errc::cancelled)
      sent.error().message = fmt::format("{}: {}", path, sent.error().message);
    return sent;
  });
}

Json Uploads::list(const std::vector<LocalFile>& files) const {
  Json out = Json::object();
  for (const LocalFile& file : files) out[file.name] = files_.at(file.path).digest;
  return out;
}

}  // namespace engine::cli
