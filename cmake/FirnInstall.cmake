# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: libraries, public headers, firn.pc and a CMake package (both find their prefix from
# where they lie, so that an installed tree can be moved), and the program.
include(CMakePackageConfigHelpers)

install(TARGETS firn firn_static EXPORT firnTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/firn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

file(RELATIVE_PATH firn_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" firn_pc_prefix "${firn_pc_prefix}")
if(firn_blake3_library)
  set(firn_pc_blake3 " -lblake3")
endif()
# Libraries of the archive, not packages (Requires.private): pkg-config asks for the .pc files of those also where the
# shared library is meant, which needs none of them.
configure_file(${CMAKE_CURRENT_LIST_DIR}/firn.pc.in ${PROJECT_BINARY_DIR}/firn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/firn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(firn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/firn)
install(EXPORT firnTargets NAMESPACE firn:: DESTINATION ${firn_package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/firnConfig.cmake.in ${PROJECT_BINARY_DIR}/firnConfig.cmake
                              INSTALL_DESTINATION ${firn_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/firnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/firnConfig.cmake ${PROJECT_BINARY_DIR}/firnConfigVersion.cmake
        DESTINATION ${firn_package_dir})

# Its manual pages and completions are made, and installed, by src/programs/cli.
if(TARGET firn_program)
  install(TARGETS firn_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
