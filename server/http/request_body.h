// The body type of Beast's parser as sessions use it: a string that grows as bytes arrive, and that
// may be emptied meanwhile.
#pragma once

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>
#include <cstdint>
#include <string>

namespace engine {

struct RequestBody {
  struct value_type {
    std::string bytes;
    bool streamed = false;  // taken out piece by piece: room for the whole is not wanted
  };

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& length, boost::system::error_code& ec) {
      if (length && !body_.streamed) body_.bytes.reserve(static_cast<size_t>(*length));
      ec = {};
    }
    template <class Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& ec) {
      size_t n = 0;
      for (const auto b : boost::beast::buffers_range_ref(buffers)) {
        body_.bytes.append(static_cast<const char*>(b.data()), b.size());
        n += b.size();
      }
      ec = {};
      return n;
    }
    void finish(boost::system::error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

}  // namespace engine
