// The checks of fsck, and its repair.
#include "engine/store/fsck.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "engine/core/bytes_text.h"
#include "engine/store/blobs.h"
#include "engine/store/digest.h"
#include "engine/store/manifest.h"
#include "engine/store/manifest_tree.h"
#include "engine/store/store_lock.h"
#include "engine/store/young.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxText = (size_t{4} << 20) + 1;

struct KindInfo {
  std::string_view name;
  Harm harm;
  std::string_view noun, advice;
};
constexpr KindInfo kKinds[] = {
#define FINDING(kind, harm, noun, advice) {#kind, Harm::harm, noun, advice},
#include "engine/store/fsck.inc"
};

// What the manifests say of one blob.
struct Expected {
  int64_t size = 0;
  std::string model;  // one that names it
  bool sizes_differ = false;
};

int64_t bytes_of(const std::string& path) {
  std::error_code ec;
  const auto size = fs::file_size(path, ec);
  return ec ? 0 : static_cast<int64_t>(size);
}

bool is_blob_name(std::string_view name) {
  return name.starts_with("sha256-") && valid_digest(name);
}

// "sha256-<64 hex>" of "sha256-<64 hex>-partial..."; "" for other names.
std::string partial_of(const std::string& name) {
  constexpr size_t kBlob = 7 + 64;
  const bool partial = name.size() > kBlob && name.compare(kBlob, 8, "-partial") == 0 &&
                       valid_digest(std::string_view(name).substr(0, kBlob));
  return partial ? name.substr(0, kBlob) : "";
}

class Check {
 public:
  Check(const std::string& root, const FsckProgress& progress)
      : root_(root), blobs_(root + "/blobs"), progress_(progress) {}

  Result<FsckReport> run() {
    read_manifests();
    files_ = folder_entries(blobs_.folder(), false);
    for (const std::string& name : files_)
      if (is_blob_name(name)) total_ += bytes_of(blobs_.folder() + "/" + name);
    for (const auto& [digest, expected] : expected_)
      if (!blobs_.has(digest))
        add(FindingKind::missing_blob, blobs_.path(digest),
            fmt::format("model '{}' needs it", expected.model));
    for (const std::string& name : files_) ENGINE_TRY_STATUS(look_at(name));
    check_configs();
    look_around();
    return std::move(report_);
  }

 private:
  void add(FindingKind kind, const std::string& path, std::string detail) {
    report_.findings.push_back({kind, path, std::move(detail), bytes_of(path)});
  }

  void read_manifests() {
    const ManifestTree tree = scan_manifests(root_);
    for (const std::string& path : tree.odd)
      add(FindingKind::bad_name, path, "not a valid model name");
    for (const ModelName& name : tree.names) {
      const std::string path = manifest_path(root_, name);
      ++report_.models;
      const auto text = read_file(path, kMaxText);
      const auto manifest = text ? parse_manifest(*text) : Result<Manifest>(text.error());
      if (!manifest) {
        add(FindingKind::bad_manifest, path, manifest.error().message);
        continue;
      }
      for (const Layer& layer : manifest->layers) expect(layer, name.short_form());
      if (!manifest->config.digest.empty()) {
        expect(manifest->config, name.short_form());
        configs_.emplace(manifest->config.digest, name.short_form());
      }
    }
  }

  void expect(const Layer& layer, const std::string& model) {
    const auto [it, fresh] = expected_.try_emplace(layer.digest, Expected{layer.size, model});
    if (!fresh && it->second.size != layer.size) it->second.sizes_differ = true;
  }

  Status look_at(const std::string& name) {
    const std::string path = blobs_.folder() + "/" + name;
    if (is_blob_name(name)) return look_at_blob(path, plain_digest(name));
    const auto garbage = [&](const std::string& what) {
      add(is_young(path) ? FindingKind::young_file : FindingKind::left_over, path, what);
    };
    if (const std::string blob = partial_of(name); !blob.empty()) {
      if (blobs_.has(blob))
        garbage("part of a download that has ended");
      else if (name.ends_with("-partial"))
        add(FindingKind::partial, path, partial_text(name));
      else if (!fs::exists(blobs_.folder() + "/" + blob + "-partial"))
        garbage("part of a download that is gone");
      return ok;
    }
    if (name.starts_with("sha256:")) {
      add(FindingKind::old_name, path, "a blob as very old stores name it");
    } else {
      garbage("a temporary file");
    }
    return ok;
  }

  // Parts say how much of them is there; they are small JSON files beside the data.
  std::string partial_text(const std::string& name) const {
    struct stat st;
    const std::string path = blobs_.folder() + "/" + name;
    if (::stat(path.c_str(), &st) != 0) return "a partial download";
    return fmt::format("a partial download, {} of {} on disk",
                       bytes_text(std::min<int64_t>(st.st_blocks * 512, st.st_size)),
                       bytes_text(st.st_size));
  }

  Status look_at_blob(const std::string& path, const std::string& digest) {
    ++report_.blobs;
    const int64_t size = bytes_of(path);
    report_.bytes += size;
    const auto named = expected_.find(digest);
    auto actual = digest_of(path);
    if (!actual && actual.error().code == Errc::cancelled) return actual.error();
    if (named == expected_.end()) {
      add(is_young(path) ? FindingKind::young_file : FindingKind::unused_blob, path,
          "no model needs it");
      return ok;
    }
    const Expected& expected = named->second;
    const std::string whom = fmt::format("of model '{}'", expected.model);
    if (!actual) {
      add(FindingKind::unreadable, path, fmt::format("{}, {}", whom, actual.error().message));
    } else if (size != expected.size || expected.sizes_differ) {
      add(FindingKind::wrong_size, path,
          fmt::format("{}, has {} bytes instead of {}", whom, size, expected.size));
    } else if (*actual != digest) {
      add(FindingKind::wrong_digest, path, fmt::format("{}, its content is {}", whom, *actual));
    } else {
      intact_.insert(digest);
    }
    return ok;
  }

  Result<std::string> digest_of(const std::string& path) {
    ENGINE_TRY(source, source_of_file(path));
    const auto watch = [this, before = done_](int64_t done) -> Status {
      done_ = before + done;
      if (!progress_ || progress_(done_, total_)) return ok;
      return Error{Errc::cancelled, "the check was interrupted"};
    };
    return engine::digest_of(watched(std::move(source), watch));
  }

  void check_configs() {
    for (const auto& [digest, model] : configs_) {
      if (!intact_.contains(digest)) continue;  // a finding of its own
      const auto text = blobs_.read_text(digest);
      const auto config = text ? parse_config(*text) : Result<ModelConfig>(text.error());
      if (!config)
        add(FindingKind::bad_config, blobs_.path(digest),
            fmt::format("of model '{}', {}", model, config.error().message));
    }
  }

  void look_around() {
    std::error_code ec;
    for (fs::recursive_directory_iterator it(root_ + "/manifests", ec), end; !ec && it != end;
         it.increment(ec)) {
      std::error_code ignored;
      if (it->is_directory(ignored) && !it->is_symlink(ignored) && fs::is_empty(*it, ignored))
        add(FindingKind::empty_folder, it->path().string(), "an empty folder");
    }
    for (const std::string& name : folder_entries(root_, true))
      if (name.starts_with("ollama-safetensors"))
        add(FindingKind::conversion, root_ + "/" + name, "temporary files");
  }

  const std::string root_;
  const BlobFolder blobs_;
  const FsckProgress& progress_;
  FsckReport report_;
  std::map<std::string, Expected> expected_;
  std::map<std::string, std::string> configs_;  // digest to a model
  std::set<std::string> intact_;
  std::vector<std::string> files_;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace

std::string_view kind_name(FindingKind kind) {
  return kKinds[static_cast<size_t>(kind)].name;
}
Harm harm_of(FindingKind kind) {
  return kKinds[static_cast<size_t>(kind)].harm;
}
std::string_view advice_of(FindingKind kind) {
  return kKinds[static_cast<size_t>(kind)].advice;
}
std::string_view noun_of(FindingKind kind) {
  return kKinds[static_cast<size_t>(kind)].noun;
}

bool FsckReport::sound() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return harm_of(f.kind) == Harm::unsound; });
}

Result<FsckReport> check_store(const std::string& root, const FsckProgress& progress) {
  std::error_code ec;
  if (!fs::is_directory(root, ec))
    return Error{Errc::not_found,
                 fmt::format("there is no model store at {}; OLLAMA_MODELS names another", root)};
  return Check(root, progress).run();
}

Status repair_store(const std::string& root, FsckReport& report) {
  const StoreLock lock(root, StoreLock::exclusive, std::chrono::seconds(2));
  if (lock.busy())
    return Error{Errc::busy, "nothing is repaired: a model is being added; try again after that"};
  // The check may have been long: what a model needs by now stays. A manifest that cannot be read
  // may need any blob.
  std::set<std::string> needed;
  bool readable = true;
  for (const ModelName& name : scan_manifests(root).names) {
    const auto text = read_file(manifest_path(root, name), kMaxText);
    const auto manifest = text ? parse_manifest(*text) : Result<Manifest>(text.error());
    readable = readable && manifest;
    if (!manifest) continue;
    needed.insert(manifest->config.digest);
    for (const Layer& layer : manifest->layers) needed.insert(layer.digest);
  }
  for (Finding& finding : report.findings) {
    const std::string name = fs::path(finding.path).filename().string();
    const bool blob = is_blob_name(name);
    if (harm_of(finding.kind) != Harm::garbage || finding.kind == FindingKind::empty_folder)
      continue;
    if (is_young(finding.path)) continue;
    if (blob && (!readable || needed.contains(plain_digest(name)))) continue;
    if (::unlink(finding.path.c_str()) != 0 && errno != ENOENT)
      return io_error("cannot remove", finding.path);
    finding.repaired = true;
  }
  remove_empty_folders(root);
  for (Finding& finding : report.findings) {
    std::error_code ec;
    if (finding.kind == FindingKind::empty_folder && !fs::exists(finding.path, ec))
      finding.repaired = true;
  }
  return ok;
}

}  // namespace engine
