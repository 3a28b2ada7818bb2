# What is installed, in components, and the .deb packages that CPack makes of them:
#   engine          program, manual, service    the binary; engine(1), completions, documents; the systemd unit and its user
#   engine-links    links                       ollama, llama-cli, ...: other names of the binary, which other packages have too
#   libengineN      library                     libengine.so.N
#   libengine-dev   development                 engine.h, pkg-config, CMake package, examples
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(packaging ${CMAKE_SOURCE_DIR}/packaging)
set(made ${CMAKE_BINARY_DIR}/packaging)

# ---- program and links ----
install(TARGETS engine RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)

# Its other names: ollama, and those of names.inc whose verbs are in verbs.inc.
set(names ${CMAKE_SOURCE_DIR}/server/cli/llama/names.inc)
set(verbs ${CMAKE_SOURCE_DIR}/server/cli/verbs.inc)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${names} ${verbs})
file(STRINGS ${verbs} verbs REGEX "^VERB")
list(TRANSFORM verbs REPLACE "^VERB\\( *([a-z_]+) *\\).*" "\\1")
file(STRINGS ${names} names REGEX "^LLAMA_NAME")
set(links ollama)
foreach(line IN LISTS names)
  string(REGEX MATCH "\"(.*)\", *\"(.*)\"" _ "${line}")
  set(name ${CMAKE_MATCH_1})
  string(REPLACE - _ verb ${CMAKE_MATCH_2})
  if(verb IN_LIST verbs)
    list(APPEND links ${name})
  endif()
endforeach()
file(MAKE_DIRECTORY ${made}/links)
foreach(name IN LISTS links)
  file(CREATE_LINK engine ${made}/links/${name} SYMBOLIC)
  install(FILES ${made}/links/${name} DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT links)
endforeach()

# ---- manual: the program prints what it knows ----
set(printed ${made}/engine.1)
add_custom_command(OUTPUT ${made}/engine.1 DEPENDS engine VERBATIM COMMENT "Manual page"
  COMMAND engine help --man > ${made}/engine.1)
install(FILES ${made}/engine.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT manual)
if(completion IN_LIST verbs)
  foreach(entry "bash|engine|bash-completion/completions" "zsh|_engine|zsh/site-functions" "fish|engine.fish|fish/vendor_completions.d")
    string(REPLACE "|" ";" entry "${entry}")
    list(GET entry 0 shell)
    list(GET entry 1 name)
    list(GET entry 2 folder)
    set(file ${made}/${shell}/${name})
    file(MAKE_DIRECTORY ${made}/${shell})
    add_custom_command(OUTPUT ${file} DEPENDS engine VERBATIM COMMENT "Completion for ${shell}" COMMAND engine completion ${shell} > ${file})
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} COMPONENT manual)
    list(APPEND printed ${file})
  endforeach()
endif()
add_custom_target(manual ALL DEPENDS ${printed})
install(FILES README.md docs/API.md docs/openapi.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT manual)
install(FILES packaging/compose.yml packaging/compose.runner.yml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT manual)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT manual)

# ---- service ----
set(units lib/systemd/system)  # also where the system's libraries lie in lib/<triplet>
install(FILES packaging/engine.service DESTINATION ${units} COMPONENT service)
install(FILES packaging/sysusers.conf DESTINATION lib/sysusers.d RENAME engine.conf COMPONENT service)
install(FILES packaging/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME engine.conf COMPONENT service)
# The unit names the program by its full path. Not in the folder that CPack fills: what that holds is unpacked to /usr.
install(CODE "
  if(NOT CMAKE_INSTALL_PREFIX MATCHES \"/_CPack_Packages/\")
    set(unit \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${units}/engine.service\")
    file(READ \"\${unit}\" text)
    string(REPLACE /usr/bin/engine \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/engine\" text \"\${text}\")
    file(WRITE \"\${unit}\" \"\${text}\")
  endif()" COMPONENT service)

# ---- library ----
install(TARGETS engine_capi EXPORT engine
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/engine)
install(EXPORT engine FILE engine-targets.cmake NAMESPACE engine:: DESTINATION ${package} COMPONENT development)
configure_package_config_file(packaging/engine-config.cmake.in ${made}/engine-config.cmake INSTALL_DESTINATION ${package})
# Before 1.0 a new second number may change the interface.
write_basic_package_version_file(${made}/engine-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${made}/engine-config.cmake ${made}/engine-config-version.cmake DESTINATION ${package} COMPONENT development)
# Found from where the file lies, so that the tree can be moved.
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(packaging/libengine.pc.in ${made}/libengine.pc @ONLY)
install(FILES ${made}/libengine.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(FILES examples/generate.c examples/chat.cpp examples/generate.py
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libengine-dev/examples COMPONENT development)

# ---- .deb ----
set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_NAME engine)
set(CPACK_PACKAGE_VENDOR engine)
set(CPACK_PACKAGE_CONTACT "engine maintainers <engine@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "inference engine for large language models")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION misc)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_ENGINE_PACKAGE_NAME engine)
set(CPACK_DEBIAN_ENGINE_PACKAGE_CONTROL_EXTRA ${packaging}/debian/postinst ${packaging}/debian/prerm ${packaging}/debian/postrm)
set(CPACK_DEBIAN_ENGINE_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_ENGINE_DESCRIPTION "Answers with GGUF models on the command line, and as a server with the APIs of
 Ollama, OpenAI and Anthropic. Uses the model store of Ollama.")

set(CPACK_DEBIAN_LINKS_PACKAGE_NAME engine-links)
set(CPACK_DEBIAN_LINKS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_LINKS_PACKAGE_DEPENDS "engine (= ${PROJECT_VERSION}-1)")
set(CPACK_DEBIAN_LINKS_PACKAGE_CONFLICTS "ollama, llama.cpp")
set(CPACK_DEBIAN_LINKS_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_LINKS_DESCRIPTION "Commands ollama, llama-cli, llama-bench, ... that are the engine by other names.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libengine${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${packaging}/debian/triggers)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "Shared library with a C interface to the engine.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libengine-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libengine${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION}-1)")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "Header, pkg-config file, CMake package and examples of libengine.")

include(CPack)
foreach(group engine links library development)
  cpack_add_component_group(${group})
endforeach()
foreach(component program manual service)
  cpack_add_component(${component} GROUP engine)
endforeach()
foreach(component links library development)
  cpack_add_component(${component} GROUP ${component})
endforeach()
