# framehop_component(<name> [NEEDS <component>...]): a static library from cpp/src/<name>/*.cpp whose users see
# cpp/include/framehop/<name> and what it needs, and nothing else: a link farm stands in for one include root per component.
function(framehop_component name)
  cmake_parse_arguments(arg "" "" "NEEDS" ${ARGN})
  set(root ${CMAKE_CURRENT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root}/framehop)
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/include/framehop/${name} ${root}/framehop/${name} SYMBOLIC)
  file(GLOB sources CONFIGURE_DEPENDS src/${name}/*.cpp)
  add_library(framehop_${name} STATIC ${sources})
  target_include_directories(framehop_${name} PUBLIC ${root})
  foreach(needed ${arg_NEEDS})
    target_link_libraries(framehop_${name} PUBLIC framehop_${needed})
  endforeach()
endfunction()
