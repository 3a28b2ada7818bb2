# A kernel file says by its suffix which instructions it may use; this is the only place that knows the flags.
# Suffixed files always get -O2 or more, also in debug builds: see docs/KERNELS.md, "ISA rules".
set(ENGINE_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(ENGINE_ISA_FLAGS_avx512 ${ENGINE_ISA_FLAGS_avx2} -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND ENGINE_ISA_FLAGS_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)  # false positives in GCC 12's avx512fintrin.h
endif()
set(ENGINE_ISA_FLAGS_avx512vnni ${ENGINE_ISA_FLAGS_avx512} -mavx512vnni)

# Under ASan + UBSan a file of unrolled intrinsics takes half a minute to compile; these files are checked for reads and writes outside
# of their tensors by guard pages instead (tests/kernels).
set(ENGINE_ISA_NO_SANITIZE "")
if(ENGINE_SANITIZE MATCHES "address")
  set(ENGINE_ISA_NO_SANITIZE -fno-sanitize=all)
endif()

# engine_isa_sources(target files...): adds the files to the target, each with the flags of its suffix.
function(engine_isa_sources target)
  foreach(file ${ARGN})
    get_filename_component(stem ${file} NAME_WE)
    string(REGEX MATCH "_(scalar|avx2|avx512vnni|avx512)$" found "${stem}")
    if(found)
      string(SUBSTRING ${found} 1 -1 isa)
      set(sanitize ${ENGINE_ISA_NO_SANITIZE})
      if(isa STREQUAL "scalar")
        set(sanitize "")
      endif()
      if(NOT isa STREQUAL "scalar" AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        continue()
      endif()
      set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${ENGINE_ISA_FLAGS_${isa}};-O3;-fno-exceptions;-fopenmp-simd;${sanitize}")
    endif()
    target_sources(${target} PRIVATE ${file})
  endforeach()
endfunction()
