/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_library.h: a shared library that is loaded when it is first needed, and stays. Any
 * thread.
 */
#ifndef FIRN_POSIX_OS_LIBRARY_H
#define FIRN_POSIX_OS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* A static variable: state begins as 0. */
struct fi_os_library {
    const char *file_name;    /* "libcurl.so.4" */
    const char *other_name;   /* that of another version, if there is no such file; NULL: none */
    const char *const *names; /* of functions that are needed */
    void **functions;         /* as many: set before the library counts as loaded */
    size_t count;
    bool (*start)(void); /* called once, with no other thread in it; NULL: nothing to start */
    _Atomic int state;
};

/* False if the library is not installed, lacks a function, or does not start: at every call. */
bool fi_os_library_load(struct fi_os_library *library);

#endif
