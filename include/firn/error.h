/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/error.h: how every function of firn reports failure.
 *
 * A function that can fail returns FIRN_OK (0) or one of the negative codes below. A function that
 * does I/O or reads bytes from outside also takes a `firn_error *` as its last argument, which may
 * be NULL. On failure the function fills in the error's code, which it also returns, and a text. The
 * text names, as far as they are known, the file, the offset, and what was expected and found. On
 * success the error's contents are unspecified.
 *
 * Outputs are NULL or zero until a function has succeeded, unless its comment says otherwise. Outputs
 * of a call that was refused with FIRN_INVALID, and structures that the caller made, may be unchanged.
 */
#ifndef FIRN_ERROR_H
#define FIRN_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(FIRN_BUILDING_LIBRARY) || (defined(__GNUC__) && __GNUC__ >= 4)
#define FIRN_API __attribute__((visibility("default")))
#define FIRN_MUST_CHECK __attribute__((warn_unused_result))
#else
#define FIRN_API
#define FIRN_MUST_CHECK
#endif

/* X(name, value, short text), grouped by what the caller can do. */
#define FIRN_ERROR_LIST(X)                                              \
    /* try again */                                                     \
    X(FIRN_BUSY, -1, "locked by another process or thread")             \
    X(FIRN_CONFLICT, -2, "conflict with a concurrent change")           \
    X(FIRN_CANCELLED, -3, "cancelled")                                  \
    /* fix the call */                                                  \
    X(FIRN_INVALID, -4, "invalid argument")                             \
    X(FIRN_NOT_FOUND, -5, "not found")                                  \
    X(FIRN_EXISTS, -6, "already exists")                                \
    X(FIRN_LIMIT, -7, "beyond a documented limit")                      \
    X(FIRN_MISUSE, -8, "handle used in a way its state does not allow") \
    /* fix the machine */                                               \
    X(FIRN_IO, -9, "input/output error")                                \
    X(FIRN_NO_SPACE, -10, "no space left")                              \
    X(FIRN_NO_MEMORY, -11, "out of memory")                             \
    X(FIRN_DENIED, -12, "permission denied")                            \
    X(FIRN_READ_ONLY, -13, "read-only")                                 \
    X(FIRN_UNSUPPORTED, -14, "not supported here")                      \
    /* distrust the data */                                             \
    X(FIRN_CORRUPT, -15, "damaged data")                                \
    X(FIRN_NEWER, -16, "written by a newer version")                    \
    X(FIRN_UNTRUSTED, -19, "not made here by this user")                \
    /* give up: close the handle and open it again */                   \
    X(FIRN_FAILED, -17, "handle failed earlier")                        \
    X(FIRN_INTERNAL, -18, "internal error")

enum firn_code {
    FIRN_OK = 0,
#define FIRN_ERROR_ENUM(name, value, text) name = (value),
    FIRN_ERROR_LIST(FIRN_ERROR_ENUM)
#undef FIRN_ERROR_ENUM
};

enum { FIRN_ERROR_TEXT_SIZE = 1016 };

/* Caller's memory; needs no initialisation and no release. */
typedef struct firn_error {
    int code;                        /* one of enum firn_code */
    int os_errno;                    /* the operating system's error number, or 0 */
    char text[FIRN_ERROR_TEXT_SIZE]; /* one line, ends in NUL; names are byte for byte as on disk */
} firn_error;

/* The short text of a code ("not found"); never NULL. Any thread. */
FIRN_API const char *firn_code_text(int code);
/* The name of a code ("FIRN_NOT_FOUND"); never NULL. Any thread. */
FIRN_API const char *firn_code_name(int code);

#ifdef __cplusplus
}
#endif
#endif
