#include "engine/model/pooling.h"

#include <fmt/format.h>

namespace engine {
namespace {

constexpr uint32_t kUnspecified = UINT32_MAX;  // how writers store "no pooling"

}  // namespace

Result<Pooling> read_pooling(const gguf::File& file) {
  ENGINE_TRY(arch, file.str("general.architecture"));
  const std::string key = fmt::format("{}.pooling_type", arch);
  // read wide: -1 is stored in either signedness
  ENGINE_TRY(value, file.get<int64_t>(key, -1));
  if (value == -1 || value == int64_t{kUnspecified}) return Pooling::unspecified;
  constexpr Pooling kKinds[] = {Pooling::none, Pooling::mean, Pooling::cls, Pooling::last,
                                Pooling::rank};
  if (value < 0 || value >= std::ssize(kKinds))
    return Error{Errc::unsupported,
                 fmt::format("{} is {}, known: 0 none, 1 mean, 2 cls, 3 last, 4 rank", key, value)};
  return kKinds[value];
}

bool Pooler::wants(int row) const {
  switch (kind_) {
    case Pooling::none:
    case Pooling::mean:
      return true;
    case Pooling::cls:
      return row == 0;
    case Pooling::rank:
      return row == (causal_ ? n_rows_ - 1 : 0);
    case Pooling::last:
    case Pooling::unspecified:
      break;
  }
  return row == n_rows_ - 1;
}

void Pooler::add(std::span<const float> row) {
  if (kind_ != Pooling::mean) {
    value_.insert(value_.end(), row.begin(), row.end());
    return;
  }
  sum_.resize(row.size());
  for (size_t i = 0; i < row.size(); ++i) sum_[i] += static_cast<double>(row[i]);
}

std::vector<float> Pooler::take() {
  for (const double s : sum_) value_.push_back(static_cast<float>(s / n_rows_));
  return std::move(value_);
}

}  // namespace engine
