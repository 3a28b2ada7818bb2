# ENGINE_SANITIZE=address,undefined or thread.
if(ENGINE_SANITIZE)
  add_compile_options(-fsanitize=${ENGINE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ENGINE_SANITIZE})
endif()
if(ENGINE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# engine_fuzzer(name source libs...): a libFuzzer binary fuzz_NAME; nothing unless ENGINE_FUZZ is on.
function(engine_fuzzer name source)
  if(ENGINE_FUZZ)
    add_executable(fuzz_${name} ${source})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
    target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  endif()
endfunction()
