// Inside of the filters: the table of sequence_filters.cpp, joined to the others by find_filter.
#pragma once

#include <string_view>

#include "engine/text/jinja/value.h"

namespace engine::jinja {

Native find_sequence_filter(std::string_view name);

}  // namespace engine::jinja
