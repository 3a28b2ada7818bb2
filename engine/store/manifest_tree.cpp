// Walks the four levels.
#include "engine/store/manifest_tree.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/store/files.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::string manifest_path(const std::string& root, const ModelName& n) {
  return root + "/manifests/" + n.host + "/" + n.space + "/" + n.model + "/" + n.tag;
}

ManifestTree scan_manifests(const std::string& root) {
  ManifestTree tree;
  const std::string base = root + "/manifests";
  for (const std::string& host : folder_entries(base, true)) {
    for (const std::string& space : folder_entries(base + "/" + host, true)) {
      for (const std::string& model : folder_entries(base + "/" + host + "/" + space, true)) {
        const std::string folder = base + "/" + host + "/" + space + "/" + model;
        for (const std::string& tag : folder_entries(folder, false)) {
          const auto name = parse_model_name(host + "/" + space + "/" + model + ":" + tag);
          if (name)
            tree.names.push_back(*name);
          else
            tree.odd.push_back(folder + "/" + tag);
        }
      }
    }
  }
  return tree;
}

void remove_empty_folders(const std::string& root) {
  std::error_code ec;
  std::vector<fs::path> folders;
  for (fs::recursive_directory_iterator it(root + "/manifests", ec), end; !ec && it != end;
       it.increment(ec)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) folders.push_back(it->path());
  }
  // Longest paths first: children before parents.
  // A folder with something in it refuses to go, which is what we want.
  std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
    return a.native().size() > b.native().size();
  });
  for (const fs::path& folder : folders) ::rmdir(folder.c_str());
}

}  // namespace engine
