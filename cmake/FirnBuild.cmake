# SPDX-License-Identifier: Apache-2.0
# How every folder is compiled: warnings, sanitizers, and the two functions that folders and tests are declared with.

add_library(firn_flags INTERFACE)
target_compile_features(firn_flags INTERFACE c_std_11)
target_compile_definitions(firn_flags INTERFACE _GNU_SOURCE $<$<CONFIG:Debug>:FIRN_DEBUG=1>)
target_include_directories(firn_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
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
if(FIRN_WERROR)
  target_compile_options(firn_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()
if(FIRN_SANITIZE)
  add_compile_options(-fsanitize=${FIRN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FIRN_SANITIZE})
endif()
if(FIRN_FUZZ)
  # The fuzzer sees which paths an input takes only through code that is compiled for it: all of it, not the target alone.
  add_compile_options($<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
endif()

# Across files: gcc's optimized builds look at the whole of libfirn.so when it is linked (firn_optimize_whole). Objects have
# ordinary code beside what that takes, and all else, the program, tests and examples, is linked from it; so is whoever takes
# the archive, which has nothing else (cmake/FirnLibrary.cmake).
set(FIRN_LTO_FLAGS "")
if(FIRN_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT FIRN_SANITIZE)
  set(FIRN_LTO_FLAGS -flto=auto -ffat-lto-objects)
  add_link_options($<IF:$<BOOL:$<TARGET_PROPERTY:FIRN_WHOLE>>,-flto=auto,-fno-lto>)
endif()

# firn_optimize_whole(TARGET): a library whose files are optimized together.
function(firn_optimize_whole target)
  set_target_properties(${target} PROPERTIES FIRN_WHOLE ON)
endfunction()

# firn_folder(NAME SOURCES... [LINK targets...]): one OBJECT library for a folder of src/. It becomes a part of libfirn,
# except for the folders that stand on the library instead.
function(firn_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(firn_${name} OBJECT ${ARG_SOURCES})
  target_compile_definitions(firn_${name} PRIVATE FIRN_BUILDING_LIBRARY=1)
  target_compile_options(firn_${name} PRIVATE "$<$<COMPILE_LANGUAGE:C>:${FIRN_LTO_FLAGS}>")
  target_link_libraries(firn_${name} PRIVATE firn_flags ${ARG_LINK})
  if(NOT name MATCHES "^(mcp|sql|cli)$")
    set_property(GLOBAL APPEND PROPERTY FIRN_LIBRARY_FOLDERS ${name})
  endif()
endfunction()

# firn_test(NAME SOURCES... FOLDERS base os ... [TIMEOUT seconds] [LABELS ...]): a cmocka program over the named folders.
# It runs in the source's root, so that fixtures are found by their path in the tree.
# The label "single" says that the program has one thread: the thread sanitizer is not run on it.
function(firn_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;FOLDERS;LABELS" ${ARGN})
  add_executable(test_${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_FOLDERS PREPEND firn_)
  target_link_libraries(test_${name} PRIVATE firn_flags firn_test_support ${ARG_FOLDERS} firn_thirdparty cmocka)
  add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900) # for machines that do other things as well
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()

# firn_fuzz(NAME SOURCES... FOLDERS ...): a libFuzzer target; without FIRN_FUZZ, a program that replays its corpus.
function(firn_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;FOLDERS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_FOLDERS PREPEND firn_)
  target_link_libraries(fuzz_${name} PRIVATE firn_flags firn_test_support ${ARG_FOLDERS} firn_thirdparty cmocka)
  if(FIRN_FUZZ)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.c)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} tests/fuzz/corpus/${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
endfunction()
