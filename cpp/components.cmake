include(GNUInstallDirs)

# The standard library is half of what a source compiles: it is compiled once, with the first component.
function(precompile_standard_library name)
  if(name STREQUAL "base")
    target_precompile_headers(framehop_base PRIVATE <algorithm> <array> <atomic> <chrono> <memory> <mutex> <optional> <span> <string>
                                                    <string_view> <thread> <utility> <vector>)
  else()
    target_precompile_headers(framehop_${name} REUSE_FROM framehop_base)
  endif()
endfunction()

# framehop_component(<name> [NEEDS <component>...] [ALONE]): a static library from cpp/src/<name>/*.cpp whose users see
# cpp/include/framehop/<name> and what it needs, and nothing else: a link farm stands in for one include root per component.
# Others link framehop::<name>, here and from an installed package; there all components share one include root. ALONE: its compile
# options are its own, so that it shares no precompiled header.
function(framehop_component name)
  cmake_parse_arguments(arg "ALONE" "" "NEEDS" ${ARGN})
  set(root ${CMAKE_CURRENT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root}/framehop)
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/include/framehop/${name} ${root}/framehop/${name} SYMBOLIC)
  file(GLOB sources CONFIGURE_DEPENDS src/${name}/*.cpp)
  add_library(framehop_${name} STATIC ${sources})
  add_library(framehop::${name} ALIAS framehop_${name})
  set_target_properties(framehop_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(framehop_${name} PUBLIC cxx_std_20)
  if(NOT arg_ALONE)
    precompile_standard_library(${name})
  endif()
  target_include_directories(framehop_${name} PUBLIC $<BUILD_INTERFACE:${root}>
                                                     $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(needed ${arg_NEEDS})
    target_link_libraries(framehop_${name} PUBLIC framehop_${needed})
  endforeach()
  install(TARGETS framehop_${name} EXPORT framehopTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cpp)
endfunction()
