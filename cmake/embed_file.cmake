# engine_embed_file(target file symbol): the bytes of a file as `extern const std::string_view symbol` of namespace engine.
# The symbol is declared where it is used.
function(engine_embed_file target file symbol)
  get_filename_component(path ${file} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cpp)
  add_custom_command(
    OUTPUT ${out} DEPENDS ${path} ${CMAKE_SOURCE_DIR}/cmake/embed_file_run.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -D FILE=${path} -D SYMBOL=${symbol} -D OUT=${out} -P ${CMAKE_SOURCE_DIR}/cmake/embed_file_run.cmake)
  set_source_files_properties(${out} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_sources(${target} PRIVATE ${out})
endfunction()
