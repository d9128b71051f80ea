# SPDX-License-Identifier: Apache-2.0
# BLAKE3's official C code. A distribution that packages it as a library is asked first (pkg-config libblake3); Debian 12
# carries the C sources inside librust-blake3-dev, and they are compiled from where that package put them.
#
# Two names come out of this:
#   firn_blake3_dependency  what compiles against blake3.h links this; it carries no object files
#   firn_blake3_code        the compiled sources; exists only where there is no library. firn_thirdparty
#                           (src/CMakeLists.txt) brings its object files into each program and library, once

find_package(PkgConfig REQUIRED)
pkg_check_modules(BLAKE3 QUIET IMPORTED_TARGET libblake3)
add_library(firn_blake3_dependency INTERFACE)
if(BLAKE3_FOUND)
  target_link_libraries(firn_blake3_dependency INTERFACE PkgConfig::BLAKE3)
else()
  file(GLOB blake3_dirs /usr/share/cargo/registry/blake3-*/c)
  if(NOT blake3_dirs)
    message(FATAL_ERROR "BLAKE3's C sources were not found; install librust-blake3-dev or libblake3-dev (scripts/deps does)")
  endif()
  list(SORT blake3_dirs COMPARE NATURAL ORDER DESCENDING)
  list(GET blake3_dirs 0 blake3_dir)
  set(blake3_sources ${blake3_dir}/blake3.c ${blake3_dir}/blake3_dispatch.c ${blake3_dir}/blake3_portable.c)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
    # Processors without SSE4.1 (older than 2008) hash with the portable code: a fourth set of kernels is not worth 12 KB.
    set(blake3_definitions BLAKE3_NO_SSE2)
    list(APPEND blake3_sources
         ${blake3_dir}/blake3_sse41_x86-64_unix.S
         ${blake3_dir}/blake3_avx2_x86-64_unix.S ${blake3_dir}/blake3_avx512_x86-64_unix.S)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    list(APPEND blake3_sources ${blake3_dir}/blake3_neon.c)
  endif()
  add_library(firn_blake3_code OBJECT ${blake3_sources})
  target_compile_options(firn_blake3_code PRIVATE -w -O3)
  target_compile_definitions(firn_blake3_code PRIVATE ${blake3_definitions})
  # What only calls the kernels is as fast when it is small (8 KB less; measured for inputs of 32 bytes to 64 KiB).
  set_source_files_properties(${blake3_dir}/blake3.c ${blake3_dir}/blake3_dispatch.c PROPERTIES COMPILE_OPTIONS -Os)
  target_include_directories(firn_blake3_code PRIVATE ${blake3_dir})
  target_include_directories(firn_blake3_dependency SYSTEM INTERFACE ${blake3_dir})

  # Our own names for its functions: see codec/blake3_names.h.
  target_compile_options(firn_blake3_code PRIVATE -include ${PROJECT_SOURCE_DIR}/src/foundation/codec/blake3_names.h)
  target_compile_definitions(firn_blake3_dependency INTERFACE FIRN_BLAKE3_COMPILED_IN=1)
endif()
