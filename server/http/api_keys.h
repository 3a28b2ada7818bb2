// ApiKeys: the keys that open the server to a client, when it is not open to all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/http.h"

namespace engine {

class ApiKeys {
 public:
  // list: comma separated, blanks around a key do not count. No keys: everybody may ask.
  explicit ApiKeys(std::string_view list);

  bool wanted() const { return !keys_.empty(); }
  std::string first() const { return keys_.empty() ? std::string() : keys_.front(); }
  // `Authorization: Bearer KEY` or `X-Api-Key: KEY`, a path that needs none, or no keys at all.
  bool allow(const HttpRequest& head) const;

 private:
  bool known(std::string_view key) const;

  std::vector<std::string> keys_;
};

}  // namespace engine
