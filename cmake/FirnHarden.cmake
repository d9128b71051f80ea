# SPDX-License-Identifier: Apache-2.0
# What makes a mistake in firn harder to use against its user: in every optimized build without sanitizers, for all that is compiled
# below, BLAKE3's code included. Other builds are as the compiler makes them, as in FirnSize.cmake: nobody is given them, and the
# sanitizers look for more. docs/benchmarks.md has the price; tools/check_hardening reads the programs and libraries that come out.
#
#   code                        position-independent in programs, too (PIE, and static-pie for the program without libraries)
#   addresses of functions      resolved when a program starts, and read-only from then on (relro, now)
#   stack                       not executable; functions with arrays on it check a canary; a large frame touches each of its pages, so
#                               that none jumps over the guard page
#   copies and formats          glibc compares with the size of the destination where the compiler knows it, also at run time (level 3)
#   indirect calls and returns  marked as such for processors that check it (CET of x86, BTI and PAC of Arm)
#   segments                    no code in the pages of headers and constants
#
# A compiler or linker that lacks an option builds without it. FIRN_HARDEN=OFF leaves all of it out. What CMAKE_C_FLAGS or the flags of
# the linker already say, in either direction, stays as it was given: distributions have flags of their own (dpkg-buildflags).

include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckLinkerFlag)
include(CheckPIESupported)

option(FIRN_HARDEN "Harden what is compiled (optimized builds without sanitizers)" ON)

string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set(given_flags "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}}")
set(given_link_flags "${CMAKE_C_FLAGS} ${CMAKE_EXE_LINKER_FLAGS} ${CMAKE_SHARED_LINKER_FLAGS}")
string(REGEX MATCHALL "(^| )-O[^ ]*" levels "${given_flags}")
list(POP_BACK levels level)
if(FIRN_HARDEN AND NOT FIRN_SANITIZE AND level AND NOT level MATCHES "-O0$")
  set(FIRN_HARDENED ON)
else()
  set(FIRN_HARDENED OFF)
endif()

# firn_harden_code(OPTION GIVEN [LANGUAGES...]): compiles with it what is in these languages (C), unless the flags match GIVEN.
function(firn_harden_code option given)
  string(MAKE_C_IDENTIFIER "FIRN_HAS${option}" has)
  set(languages ${ARGN})
  if(NOT languages)
    set(languages C)
  endif()
  if(NOT given_flags MATCHES "${given}")
    set(CMAKE_REQUIRED_FLAGS -Werror) # clang warns of what the processor does not have
    check_c_compiler_flag(${option} ${has})
    if(${has})
      foreach(language IN LISTS languages)
        add_compile_options($<$<COMPILE_LANGUAGE:${language}>:${option}>)
      endforeach()
    endif()
  endif()
endfunction()

# firn_harden_link(KEYWORD GIVEN): links with -z KEYWORD, unless the flags match GIVEN.
function(firn_harden_link keyword given)
  string(MAKE_C_IDENTIFIER "FIRN_HAS_Z_${keyword}" has)
  if(NOT given_link_flags MATCHES "-z[, ](-z,)?(${given})")
    check_linker_flag(C LINKER:-z,${keyword},--fatal-warnings ${has})
    if(${has})
      add_link_options(LINKER:-z,${keyword})
    endif()
  endif()
endfunction()

# firn_harden_hot(ROOM SOURCES...): in files that every key, row or block goes through (cmake/FirnSize.cmake lists them), canaries are in
# functions with arrays of characters, and not in those that only pass the address of a number: these are most of them, and all of
# their canaries together would be 2 to 4 % of the instructions of a get or a seek.
function(firn_harden_hot room)
  if(FIRN_HARDENED AND FIRN_HAS_fstack_protector_strong AND NOT given_flags MATCHES "stack-protector" AND (room IN_LIST FIRN_HOT_ROOMS OR room IN_LIST FIRN_LOOP_ROOMS))
    foreach(source IN LISTS ARGN)
      if(NOT "${room}/${source}" IN_LIST FIRN_COLD_FILES)
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -fstack-protector)
      endif()
    endforeach()
  endif()
endfunction()

set(FIRN_STATIC_LINK -static)
if(FIRN_HARDENED)
  check_pie_supported(LANGUAGES C)
  firn_harden_code(-fstack-protector-strong -fno-stack-protector|-fstack-protector)
  firn_harden_code(-fstack-clash-protection stack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
    firn_harden_code(-fcf-protection -fcf-protection C ASM)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    firn_harden_code(-mbranch-protection=standard -mbranch-protection C ASM)
  endif()

  if(NOT given_flags MATCHES "_FORTIFY_SOURCE")
    # Where the compiler defines it on its own, another value would be a warning: it is taken back first.
    set(CMAKE_REQUIRED_FLAGS "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Werror")
    check_c_source_compiles(
      "#include <string.h>\n#if __USE_FORTIFY_LEVEL < 3\n#error no level 3\n#endif\nint main(void) { return 0; }" FIRN_HAS_FORTIFY_3)
    unset(CMAKE_REQUIRED_FLAGS)
    set(fortify 2)
    if(FIRN_HAS_FORTIFY_3)
      set(fortify 3)
    endif()
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-U_FORTIFY_SOURCE> $<$<COMPILE_LANGUAGE:C>:-D_FORTIFY_SOURCE=${fortify}>)
  endif()

  firn_harden_link(relro norelro)
  firn_harden_link(now lazy)
  firn_harden_link(noexecstack execstack)
  firn_harden_link(separate-code noseparate-code)

  set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie)
  check_c_source_compiles("int main(void) { return 0; }" FIRN_HAS_STATIC_PIE)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  if(FIRN_HAS_STATIC_PIE)
    set(FIRN_STATIC_LINK -static-pie)
  endif()
endif()
