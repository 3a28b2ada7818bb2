// The folders of manifests: <root>/manifests/<host>/<namespace>/<model>/<tag>.
#pragma once

#include <string>
#include <vector>

#include "engine/store/name.h"

namespace engine {

std::string manifest_path(const std::string& root, const ModelName& name);

struct ManifestTree {
  std::vector<ModelName> names;  // of every file four levels deep, sorted by the four parts
  std::vector<std::string> odd;  // paths of files there whose parts make no name
};

// Names that begin with '.' are ignored. Linked folders are read like others.
ManifestTree scan_manifests(const std::string& root);

// From the deepest up; linked folders are neither entered nor removed.
void remove_empty_folders(const std::string& root);

}  // namespace engine
