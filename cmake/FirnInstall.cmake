# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: libraries, public headers, firn.pc and a CMake package (both find their prefix from
# where they lie, so that an installed tree can be moved), the program, manual pages and completions.
include(CMakePackageConfigHelpers)

install(TARGETS firn firn_static EXPORT firnTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/firn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

file(RELATIVE_PATH firn_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" firn_pc_prefix "${firn_pc_prefix}")
if(firn_blake3_library)
  set(firn_pc_blake3 " libblake3")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/firn.pc.in ${PROJECT_BINARY_DIR}/firn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/firn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(firn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/firn)
install(EXPORT firnTargets NAMESPACE firn:: DESTINATION ${firn_package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/firnConfig.cmake.in ${PROJECT_BINARY_DIR}/firnConfig.cmake
                              INSTALL_DESTINATION ${firn_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/firnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/firnConfig.cmake ${PROJECT_BINARY_DIR}/firnConfigVersion.cmake
        DESTINATION ${firn_package_dir})

if(TARGET firn_program)
  file(RELATIVE_PATH firn_rpath /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(firn_program PROPERTIES OUTPUT_NAME firn INSTALL_RPATH "$ORIGIN/${firn_rpath}")
  install(TARGETS firn_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Manual pages are docs/man/<name>.<section>.scd, written for scdoc. Without scdoc they are left out.
find_program(SCDOC scdoc)
file(GLOB firn_manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.scd)
if(SCDOC AND firn_manuals)
  set(pages "")
  foreach(source IN LISTS firn_manuals)
    get_filename_component(page ${source} NAME_WLE)
    string(REGEX MATCH "[0-9]$" section ${page})
    add_custom_command(
      OUTPUT ${PROJECT_BINARY_DIR}/man/${page}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
      COMMAND ${SCDOC} < ${source} > ${PROJECT_BINARY_DIR}/man/${page}
      DEPENDS ${source} VERBATIM)
    list(APPEND pages ${PROJECT_BINARY_DIR}/man/${page})
    install(FILES ${PROJECT_BINARY_DIR}/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endforeach()
  add_custom_target(firn_manual ALL DEPENDS ${pages})
endif()
