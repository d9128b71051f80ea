# SPDX-License-Identifier: Apache-2.0
# libfirn, shared and static, from the object files of the folders. The shared one exports the names of src/exports.list
# and nothing else: everything is compiled with hidden visibility, and the linker is given the list as well, so that no
# object that the distribution brings in can leak a name. tools/check_exports holds list, headers and library together.

firn_check_cold()
get_property(folders GLOBAL PROPERTY FIRN_LIBRARY_FOLDERS)
set(objects "")
foreach(folder IN LISTS folders)
  list(APPEND objects $<TARGET_OBJECTS:firn_${folder}>)
endforeach()

file(STRINGS ${PROJECT_SOURCE_DIR}/src/exports.list exported REGEX "^firn_")
list(JOIN exported ";\n    " exported_lines)
set(version_script ${PROJECT_BINARY_DIR}/libfirn.map)
file(CONFIGURE OUTPUT ${version_script} CONTENT "{\n  global:\n    @exported_lines@;\n  local:\n    *;\n};\n" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/exports.list)

add_library(firn SHARED ${objects})
set_target_properties(
  firn PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS ${version_script} LINKER_LANGUAGE C)
target_link_options(firn PRIVATE LINKER:--version-script=${version_script})
if(NOT FIRN_SANITIZE)
  target_link_options(firn PRIVATE LINKER:--no-undefined)
endif()
# Addresses in its tables are relocated by a bitmap instead of a record each (glibc 2.36 and later read it).
include(CheckLinkerFlag)
check_linker_flag(C LINKER:-z,pack-relative-relocs,--fatal-warnings FIRN_HAS_RELR)
if(FIRN_HAS_RELR)
  target_link_options(firn PRIVATE LINKER:-z,pack-relative-relocs)
endif()
target_link_libraries(firn PRIVATE firn_thirdparty)
firn_optimize_whole(firn)

# The archive carries no libraries; who links it links those that it stands on, by the names that an installed package uses.
add_library(firn_static STATIC ${objects})
set_target_properties(firn_static PROPERTIES OUTPUT_NAME firn LINKER_LANGUAGE C)
if(TARGET firn_blake3_code)
  target_sources(firn_static PRIVATE $<TARGET_OBJECTS:firn_blake3_code>)
  set(firn_blake3_library "")
else()
  set(firn_blake3_library blake3)
endif()
target_link_libraries(firn_static INTERFACE zstd lz4 ${firn_blake3_library} Threads::Threads)
if(FIRN_LTO_FLAGS)
  # Ordinary code only: the rest another version of the compiler could not read, and other flags would make anew.
  add_custom_command(
    TARGET firn_static
    POST_BUILD
    COMMAND ${CMAKE_OBJCOPY} -R .gnu.lto_* -R .gnu.debuglto_* -N __gnu_lto_slim $<TARGET_FILE:firn_static>
    VERBATIM)
endif()

foreach(library firn firn_static)
  target_include_directories(
    ${library} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
