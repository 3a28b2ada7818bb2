// The one place that connects create with the parts that do its work.
#include "server/create_tools.h"

namespace engine {

CreateTools create_tools(App&) {
  return {};
}

}  // namespace engine
