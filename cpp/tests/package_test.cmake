# Installs the C++ into a fresh prefix and uses it as others would: cmake -DBUILD=… -DWORK=… -DSOURCE=… -DFLAGS=… -P this.
# First one program that sees every header and links every target, then the example.
file(REMOVE_RECURSE ${WORK})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component cpp
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

set(everything ${WORK}/everything)
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include ${WORK}/prefix/include/*.hpp)
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n" OUTPUT_VARIABLE includes)
string(CONCAT includes ${includes})
file(WRITE ${everything}/main.cpp "${includes}
int main() {
    return framehop::wire::kMaxPath == 107 && framehop::codec::scaled_size({8, 8}, {}).width == 8 ? 0 : 1;
}
")
file(WRITE ${everything}/CMakeLists.txt "
cmake_minimum_required(VERSION 3.25)
project(everything LANGUAGES CXX)
find_package(framehop REQUIRED)
find_package(framehop REQUIRED)  # as two of its libraries would
add_executable(everything main.cpp)
set(components base shm codec image wire hop)
if(framehop_VIDEO)
  list(APPEND components video)
endif()
foreach(component IN LISTS components)
  target_link_libraries(everything PRIVATE framehop::\${component})
endforeach()
")

function(build source binary)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source} -B ${binary} -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${WORK}/prefix
                          -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${binary} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

build(${everything} ${WORK}/everything/build)
execute_process(COMMAND ${WORK}/everything/build/everything COMMAND_ERROR_IS_FATAL ANY)

build(${SOURCE}/examples/cpp ${WORK}/example)
execute_process(COMMAND ${WORK}/example/framehop_example ${SOURCE}/python/framehop/models/astronaut.jpg
                OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed MATCHES "^example: [0-9]+ x [0-9]+, in the middle RGB [0-9]+ [0-9]+ [0-9]+\n$")
  message(FATAL_ERROR "the example printed: ${printed}")
endif()
execute_process(COMMAND ${WORK}/example/framehop_example ${SOURCE}/README.md RESULT_VARIABLE status ERROR_VARIABLE said)
if(status EQUAL 0 OR NOT said MATCHES "JPEG")
  message(FATAL_ERROR "a page that is no picture: ${status}, ${said}")
endif()
