# SPDX-License-Identifier: Apache-2.0
# How every folder is compiled: warnings, sanitizers, and the two functions that folders and tests are declared with.

add_library(firn_flags INTERFACE)
target_compile_features(firn_flags INTERFACE c_std_11)
target_compile_definitions(firn_flags INTERFACE _GNU_SOURCE $<$<CONFIG:Debug>:FIRN_DEBUG=1>)
# Each wing of src/ is an include root, so that a header is named by its room: "lsm/lsm.h".
target_include_directories(
  firn_flags INTERFACE ${PROJECT_SOURCE_DIR}/src/foundation ${PROJECT_SOURCE_DIR}/src/engine ${PROJECT_SOURCE_DIR}/src/tables ${PROJECT_SOURCE_DIR}/src/workspace
                       ${PROJECT_SOURCE_DIR}/src/interop ${PROJECT_SOURCE_DIR}/src/programs
                       ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_compile_options(
  firn_flags
  INTERFACE $<$<COMPILE_LANGUAGE:C>:-Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wsign-conversion
            -Wshadow
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wvla
            -Wundef
            -Wcast-qual
            -Wformat=2>)
# Failed checks name files from the top of the project: the library is the same wherever it is built.
target_compile_options(firn_flags INTERFACE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(FIRN_WERROR)
  target_compile_options(firn_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()
if(FIRN_SANITIZE)
  add_compile_options(-fsanitize=${FIRN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FIRN_SANITIZE})
  # clang puts the sanitizer into each program, 2 MB that hundreds of tests can share.
  if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND FIRN_SANITIZE MATCHES "address" AND FIRN_TESTS)
    execute_process(
      COMMAND ${CMAKE_C_COMPILER} -print-file-name=libclang_rt.asan-${CMAKE_SYSTEM_PROCESSOR}.so
      OUTPUT_VARIABLE library
      OUTPUT_STRIP_TRAILING_WHITESPACE)
    cmake_path(GET library PARENT_PATH directory)
    if(EXISTS ${library} AND directory)
      add_link_options(-shared-libsan LINKER:-rpath,${directory})
    endif()
  endif()
endif()
if(FIRN_FUZZ)
  # The fuzzer sees which paths an input takes only through code that is compiled for it: all of it, not the target alone. What it
  # also sees of comparisons makes code larger and slower; a build that has the tests as well goes without.
  if(FIRN_TESTS)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-fsanitize-coverage=inline-8bit-counters,pc-table>)
  else()
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
  endif()
endif()

# Across files: gcc's optimized builds look at the whole of libfirn.so when it is linked (firn_optimize_whole). Objects have
# ordinary code beside what that takes, and all else, the program, tests and examples, is linked from it; so is whoever takes
# the archive, which has nothing else (cmake/FirnLibrary.cmake). That code has a section for each function, so a program that is
# linked with --gc-sections has only those that it reaches.
set(FIRN_LTO_FLAGS "")
if(FIRN_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT FIRN_SANITIZE)
  set(FIRN_LTO_FLAGS -flto=auto -ffat-lto-objects -ffunction-sections -fdata-sections)
  add_link_options($<IF:$<BOOL:$<TARGET_PROPERTY:FIRN_WHOLE>>,-flto=auto,-fno-lto>)
endif()

# firn_optimize_whole(TARGET): a library whose files are optimized together.
function(firn_optimize_whole target)
  set_target_properties(${target} PROPERTIES FIRN_WHOLE ON)
  if(FIRN_LTO_FLAGS)
    target_link_options(${target} PRIVATE -flto-partition=one -fno-function-sections -fno-data-sections)
  endif()
endfunction()

# Debug builds link their tests against a shared library a folder (firn_folder): hundreds of programs would each carry the
# engine, and more than half of the build would be their linking, of a gigabyte. The optimized build links its tests, too,
# from the objects of the folders that they name.
set(FIRN_SHARED_FOLDERS OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND (FIRN_TESTS OR FIRN_FUZZ))
  set(FIRN_SHARED_FOLDERS ON)
  set(CMAKE_C_VISIBILITY_PRESET default)
  add_compile_options($<$<COMPILE_LANGUAGE:C>:-fno-semantic-interposition>)
endif()

# firn_folder(NAME SOURCES... [NEEDS rooms...] [LINK targets...]): one OBJECT library for a room of src/. It becomes a part of
# libfirn, except for those of src/programs, which stand on the library instead. A program that links the room links those that it needs
# as well; rooms that all programs of its wing name anyway are left out. Where folders are shared, firn_NAME_shared has its objects for
# the tests; what it takes from lower folders is found when a test that names them is linked.
function(firn_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;NEEDS;LINK" ${ARGN})
  set_property(GLOBAL PROPERTY FIRN_NEEDS_${name} ${ARG_NEEDS})
  add_library(firn_${name} OBJECT ${ARG_SOURCES})
  target_compile_definitions(firn_${name} PRIVATE FIRN_BUILDING_LIBRARY=1)
  target_compile_options(firn_${name} PRIVATE "$<$<COMPILE_LANGUAGE:C>:${FIRN_LTO_FLAGS}>")
  target_link_libraries(firn_${name} PRIVATE firn_flags ${ARG_LINK})
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/src/programs/")
    set_property(GLOBAL APPEND PROPERTY FIRN_PROGRAM_FOLDERS ${name})
    if(name IN_LIST FIRN_COLD_PROGRAMS)
      firn_shrink_cold(${name} ${ARG_SOURCES})
    endif()
  else()
    set_property(GLOBAL APPEND PROPERTY FIRN_LIBRARY_FOLDERS ${name})
    firn_shrink_cold(${name} ${ARG_SOURCES})
    firn_harden_hot(${name} ${ARG_SOURCES})
    if(FIRN_SHARED_FOLDERS)
      add_library(firn_${name}_shared SHARED $<TARGET_OBJECTS:firn_${name}>)
      set_target_properties(firn_${name}_shared PROPERTIES LINKER_LANGUAGE C)
      if(name STREQUAL "codec" AND TARGET firn_blake3_code)
        target_sources(firn_${name}_shared PRIVATE $<TARGET_OBJECTS:firn_blake3_code>)
      endif()
    endif()
  endif()
endfunction()

# firn_close_folders(OUT FOLDERS...): these rooms, and those that they need.
function(firn_close_folders out)
  set(closed "")
  set(open ${ARGN})
  while(NOT open STREQUAL "") # "ignore" alone would be false
    list(POP_FRONT open folder)
    if(NOT folder IN_LIST closed)
      list(APPEND closed ${folder})
      get_property(needs GLOBAL PROPERTY FIRN_NEEDS_${folder})
      list(APPEND open ${needs})
    endif()
  endwhile()
  set(${out} ${closed} PARENT_SCOPE)
endfunction()

# firn_link_program(TARGET ROOMS...): links a program from these rooms of src/programs, those that they need, and the library.
function(firn_link_program target)
  firn_close_folders(all ${ARGN})
  list(TRANSFORM all PREPEND firn_)
  target_link_libraries(${target} PRIVATE firn_flags ${all} firn_static)
endfunction()

# firn_link_folders(TARGET FOLDERS...): links a program of the tests from these rooms of src/, those that they need, and the
# libraries that they stand on: for rooms of src/programs, the library.
function(firn_link_folders target)
  get_property(programs GLOBAL PROPERTY FIRN_PROGRAM_FOLDERS)
  list(GET ARGN 0 first)
  if(first IN_LIST programs)
    firn_link_program(${target} ${ARGN})
    return()
  endif()
  firn_close_folders(all ${ARGN})
  if(FIRN_SHARED_FOLDERS)
    list(TRANSFORM all PREPEND firn_ OUTPUT_VARIABLE folders)
    list(TRANSFORM folders APPEND _shared)
    target_link_libraries(${target} PRIVATE ${folders} firn_distribution_libraries)
    target_link_options(${target} PRIVATE LINKER:--no-as-needed) # a folder may be needed by other folders alone
  else()
    list(TRANSFORM all PREPEND firn_ OUTPUT_VARIABLE folders)
    target_link_libraries(${target} PRIVATE ${folders} firn_thirdparty)
  endif()
endfunction()

# firn_begin_early(NAMES...): tests of FIRN_LONG_TESTS begin before all others, in its order.
function(firn_begin_early)
  set(cost 1000)
  foreach(name IN LISTS FIRN_LONG_TESTS)
    if(name IN_LIST ARGN)
      set_tests_properties(${name} PROPERTIES COST ${cost})
    endif()
    math(EXPR cost "${cost} - 1")
  endforeach()
endfunction()

# firn_test(NAME SOURCES... FOLDERS base os ... [TIMEOUT seconds] [LABELS ...]): a cmocka program over the named folders.
# It runs in the source's root, so that fixtures are found by their path in the tree. Its own source comes first; other
# sources of tests/ are compiled once for all programs that name them.
# The label "single" says that the program has one thread: the thread sanitizer is not run on it, nor is it built for that.
function(firn_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;FOLDERS;LABELS" ${ARGN})
  set(own "")
  set(common "")
  foreach(source IN LISTS ARG_SOURCES)
    cmake_path(ABSOLUTE_PATH source NORMALIZE)
    cmake_path(GET source STEM part)
    if(own STREQUAL "" OR NOT source MATCHES "^${PROJECT_SOURCE_DIR}/tests/")
      list(APPEND own ${source})
      continue()
    endif()
    if(NOT TARGET firn_test_${part})
      add_library(firn_test_${part} OBJECT ${source})
      target_link_libraries(firn_test_${part} PRIVATE firn_flags firn_test_support)
      target_include_directories(firn_test_${part} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit)
    endif()
    list(APPEND common firn_test_${part})
  endforeach()
  add_executable(test_${name} ${own})
  target_link_libraries(test_${name} PRIVATE firn_flags firn_test_support firn_test_only ${common} cmocka)
  firn_link_folders(test_${name} ${ARG_FOLDERS})
  if("copy" IN_LIST ARG_FOLDERS)
    target_link_libraries(test_${name} PRIVATE firn_test_encrypted)
  endif()
  add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_target_properties(test_${name} PROPERTIES EXCLUDE_FROM_ALL ${FIRN_TESTS_ON_DEMAND})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900) # for machines that do other things as well
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  firn_begin_early(${name})
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
    if("single" IN_LIST ARG_LABELS AND FIRN_SANITIZE STREQUAL "thread")
      set_target_properties(test_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
      set_tests_properties(${name} PROPERTIES DISABLED ON)
    endif()
  endif()
endfunction()

# firn_test_encrypted(NAMES...): these tests once more, with every store encrypted (tests/support/store/encrypted.c). Not with
# the thread sanitizer: it would see what it sees without.
function(firn_test_encrypted)
  if(FIRN_SANITIZE STREQUAL "thread")
    return()
  endif()
  foreach(name IN LISTS ARGN)
    add_test(NAME encrypted_${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(encrypted_${name} PROPERTIES TIMEOUT 900 ENVIRONMENT FIRN_TEST_ENCRYPT=2)
  endforeach()
endfunction()

# firn_fuzz(NAME SOURCES... FOLDERS ...): a libFuzzer target; without FIRN_FUZZ, a program that replays its corpus.
function(firn_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;FOLDERS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  set_target_properties(fuzz_${name} PROPERTIES EXCLUDE_FROM_ALL ${FIRN_TESTS_ON_DEMAND})
  target_link_libraries(fuzz_${name} PRIVATE firn_flags firn_test_support cmocka)
  firn_link_folders(fuzz_${name} ${ARG_FOLDERS})
  if(FIRN_FUZZ)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    # libFuzzer is C++. A sanitizer that is a shared library has to come before its library.
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer -nostdlib++)
    target_link_libraries(fuzz_${name} PRIVATE stdc++ m)
  else()
    target_link_libraries(fuzz_${name} PRIVATE firn_fuzz_replay)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} tests/fuzz/corpus/${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
endfunction()
