// fsck: a whole store looked at: every manifest and config parsed, every blob there with the right
// size and SHA-256, and what lies around besides.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine {

enum class Harm : uint8_t { unsound, garbage, note };

enum class FindingKind : uint8_t {
#define FINDING(kind, harm, noun, advice) kind,
#include "engine/store/fsck.inc"
};

std::string_view kind_name(FindingKind kind);  // "missing_blob"
Harm harm_of(FindingKind kind);
std::string_view advice_of(FindingKind kind);
std::string_view noun_of(FindingKind kind);  // for a sum of several; "": they are told one by one

struct Finding {
  FindingKind kind;
  std::string path;    // of the file or folder
  std::string detail;  // what is wrong with it, and whom it concerns
  int64_t bytes = 0;   // of the file
  bool repaired = false;
};

struct FsckReport {
  int64_t models = 0, blobs = 0, bytes = 0;  // looked at
  std::vector<Finding> findings;

  bool sound() const;  // no finding that is unsound
};

// Bytes of blobs that have been read, of how many; false calls the check off.
using FsckProgress = std::function<bool(int64_t done, int64_t total)>;

// Reads every blob to its end. Changes nothing. Errc::not_found where there is no store;
// Errc::cancelled when progress said so.
Result<FsckReport> check_store(const std::string& root, const FsckProgress& progress = {});

// Removes what is garbage and nothing else, and marks it as repaired. Looks at every file again
// before it goes. Errc::busy while another program adds to the store.
Status repair_store(const std::string& root, FsckReport& report);

}  // namespace engine
