include(GNUInstallDirs)

# framehop_component(<name> [NEEDS <component>...]): a static library from cpp/src/<name>/*.cpp whose users see
# cpp/include/framehop/<name> and what it needs, and nothing else: a link farm stands in for one include root per component.
# Others link framehop::<name>, here and from an installed package; there all components share one include root.
function(framehop_component name)
  cmake_parse_arguments(arg "" "" "NEEDS" ${ARGN})
  set(root ${CMAKE_CURRENT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root}/framehop)
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/include/framehop/${name} ${root}/framehop/${name} SYMBOLIC)
  file(GLOB sources CONFIGURE_DEPENDS src/${name}/*.cpp)
  add_library(framehop_${name} STATIC ${sources})
  add_library(framehop::${name} ALIAS framehop_${name})
  set_target_properties(framehop_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(framehop_${name} PUBLIC cxx_std_20)
  target_include_directories(framehop_${name} PUBLIC $<BUILD_INTERFACE:${root}>
                                                     $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(needed ${arg_NEEDS})
    target_link_libraries(framehop_${name} PUBLIC framehop_${needed})
  endforeach()
  install(TARGETS framehop_${name} EXPORT framehopTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cpp)
endfunction()
