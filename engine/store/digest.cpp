// Sources that are watched, and their digests.
#include "engine/store/digest.h"

#include <fmt/format.h>

#include <vector>

#include "engine/core/sha256.h"

namespace engine {

ByteSource watched(ByteSource source, Watch watch) {
  return [source = std::move(source), watch = std::move(watch),
          done = int64_t{0}](std::span<std::byte> out) mutable -> Result<size_t> {
    ENGINE_TRY(n, source(out));
    done += static_cast<int64_t>(n);
    ENGINE_TRY_STATUS(watch(done));
    return n;
  };
}

Result<std::string> digest_of(const ByteSource& source) {
  Sha256 sum;
  std::vector<std::byte> buffer(size_t{1} << 20);
  while (true) {
    ENGINE_TRY(n, source(buffer));
    if (n == 0) return "sha256:" + sum.hex();
    sum.update({buffer.data(), n});
  }
}

Error digest_mismatch(std::string_view expected, std::string_view got) {
  return {Errc::corrupt,
          fmt::format("digest mismatch, expected \"{}\", got \"{}\"", expected, got)};
}

}  // namespace engine
