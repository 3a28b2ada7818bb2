// The table from Errc to what the outside sees.
#include "server/error_map.h"

namespace engine {

int http_status(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return 400;
    case Errc::not_found:
      return 404;
    case Errc::already_exists:
      return 409;
    case Errc::unsupported:
      return 501;
    case Errc::busy:
      return 503;
    case Errc::cancelled:
      return 499;
    case Errc::corrupt:
    case Errc::out_of_memory:
    case Errc::io:
    case Errc::device:
    case Errc::internal:
      return 500;
  }
  return 500;
}

int exit_code(Errc code) {
  return code == Errc::cancelled ? 130 : 1;
}

}  // namespace engine
