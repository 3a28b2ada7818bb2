# Warnings of all our targets; -ffp-contract=off because a contraction is a kernel's decision, never the compiler's.
# -Wno-restrict: false positives of GCC 12 inside std::string.
add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -fno-math-errno -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fdiagnostics-color=auto)
  if(CMAKE_UNITY_BUILD)  # types of unnamed namespaces are then not those of the file that the compiler was called for
    add_compile_options(-Wno-subobject-linkage)
  endif()
endif()
if(ENGINE_DCHECK)
  add_compile_definitions(ENGINE_DCHECK_ON=1)
endif()
