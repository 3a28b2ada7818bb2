// Version numbers that clients see.
#pragma once

namespace engine {

// The API level we match. Clients gate features on it, so it is a plain major.minor.patch.
inline constexpr const char* kCompatVersion = "0.13.5";
extern const char* const kEngineVersion;  // "0.1.0", that of the project in CMake
extern const char* const kServerHeader;   // "engine/0.1.0"

}  // namespace engine
