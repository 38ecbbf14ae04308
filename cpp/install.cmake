# What find_package(framehop) of other projects finds: the component `cpp`, of which a Python wheel takes nothing.
include(CMakePackageConfigHelpers)

# pyproject.toml is where the version stands.
file(STRINGS ${PROJECT_SOURCE_DIR}/pyproject.toml version REGEX "^version = ")
string(REGEX REPLACE "^version = \"([0-9.]+).*" "\\1" version "${version}")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/framehop)
# Layouts and signatures may still change with every minor version.
write_basic_package_version_file(framehopConfigVersion.cmake VERSION ${version} COMPATIBILITY SameMinorVersion)
configure_file(framehopConfig.cmake framehopConfig.cmake @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/framehopConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/framehopConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT cpp)
install(EXPORT framehopTargets NAMESPACE framehop:: DESTINATION ${package_dir} COMPONENT cpp)
install(DIRECTORY include/framehop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT cpp)
