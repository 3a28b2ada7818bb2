// The files of a create on their way to the blobs of the server, several at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "server/cli/client.h"
#include "server/cli/model_files.h"
#include "server/cli/progress.h"

namespace engine::cli {

// How many files are read at once: all cores but one, from 1 to 8.
int uploads_at_once();

// Used by one thread. Errors name the file that they are about; the first one ends the work on
// the others, too.
class Uploads {
 public:
  Uploads(Client& client, ProgressView& view, int at_once = uploads_at_once())
      : client_(client), view_(view), at_once_(at_once) {}

  void add(const std::vector<LocalFile>& files);  // a file may come twice
  Status hash();
  Status send();  // after hash()
  // {name: digest}. Requires: added and hashed.
  Json list(const std::vector<LocalFile>& files) const;

 private:
  struct File {
    int64_t size = 0;
    std::string digest;
  };
  using Work = std::function<Status(const std::string& path, File&)>;

  Status each(const Work& work);
  Status go_on() const;  // an error when there is nothing to be done any more

  Client& client_;
  ProgressView& view_;
  const int at_once_;
  std::map<std::string, File> files_;  // by path
  std::atomic<bool> failed_ = false;
};

}  // namespace engine::cli
