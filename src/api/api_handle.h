/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_handle.h: refuses handles of a store that must not be used, with FIRN_MISUSE. In all
 * builds these are handles of another process (api_process.h), and all handles in on_notice and
 * on_progress (threads/os_callback.h). In debug builds they are also closed handles, and handles
 * that another thread is using although only one may.
 *
 * A public function first checks each handle that it gets: by API_OPEN, if any threads may use it;
 * by API_ENTER, if it belongs to one thread at a time, and the function leaves it before it
 * returns; by API_OWN, if it is in no table: handles of workspaces, packs and sorted tables. No
 * handle may be NULL.
 */
#ifndef FIRN_API_API_HANDLE_H
#define FIRN_API_API_HANDLE_H

#include "api/api_check.h"
#include "api/api_process.h"
#include "base/error.h"

enum fi_api_handle_kind {
    FI_API_HANDLE_STORE,
    FI_API_HANDLE_KEYSPACE,
    FI_API_HANDLE_SNAPSHOT,
    FI_API_HANDLE_CURSOR,
    FI_API_HANDLE_TXN,
    FI_API_HANDLE_BATCH,
    FI_API_HANDLE_BULK,
    FI_API_HANDLE_PIN,
    FI_API_HANDLE_TABLE,
    FI_API_HANDLE_TABLE_CURSOR,
    FI_API_HANDLE_SCAN,
    FI_API_HANDLE_TABLE_BULK,
    FI_API_HANDLE_TABLE_DIFF
};

/* Returns why a handle may not be used: it is NULL (FIRN_INVALID), it is of another process, or
 * this is a callback (FIRN_MISUSE). `what` is its name: "the store". */
FIRN_MUST_CHECK int fi_api_handle_refuse_named(const void *handle, const char *what,
                                               firn_error *err);
FIRN_MUST_CHECK int fi_api_handle_refuse(const void *handle, enum fi_api_handle_kind kind,
                                         firn_error *err);
/* Refuses NULL, handles of another process, and all handles in on_notice and on_progress. */
FIRN_MUST_CHECK static inline int
fi_api_handle_check_process(const void *handle, enum fi_api_handle_kind kind, firn_error *err)
{
    return api_process_may_close(handle) ? FIRN_OK : fi_api_handle_refuse(handle, kind, err);
}

#ifdef FIRN_DEBUG

/* Records a handle that was returned to the caller; NULL is fine. For a keyspace, which may be
 * returned more than once, owner is its store; for a cursor, the transaction whose thread it
 * belongs to. */
void fi_api_handle_opened(const void *handle, enum fi_api_handle_kind kind, const void *owner);
/* Records the handle if rc, which is returned, is FIRN_OK. */
int fi_api_handle_opened_if(int rc, const void *handle, enum fi_api_handle_kind kind,
                            const void *owner);
/* Refuses NULL, handles that are not open or of another kind, and those of another process. */
FIRN_MUST_CHECK int fi_api_handle_check(const void *handle, enum fi_api_handle_kind kind,
                                        firn_error *err);
/* As check; also refuses if another thread is inside the handle, or inside the transaction of a
 * cursor. */
FIRN_MUST_CHECK int fi_api_handle_enter(const void *handle, enum fi_api_handle_kind kind,
                                        firn_error *err);
/* NULL is fine. */
void fi_api_handle_leave(const void *handle);
/* Whether this is an open handle of another process. */
bool fi_api_handle_is_inherited(const void *handle);
/* These enclose the closing of a handle, so that another thread may get the same address
 * meanwhile. */
void fi_api_handle_closing(const void *handle);
void fi_api_handle_closed(const void *handle);
/* The handle was not closed after all. */
void fi_api_handle_stays(const void *handle);

#else

static inline void
fi_api_handle_opened(const void *handle, enum fi_api_handle_kind kind, const void *owner)
{
    (void)handle;
    (void)kind;
    (void)owner;
}

static inline int
fi_api_handle_opened_if(int rc, const void *handle, enum fi_api_handle_kind kind, const void *owner)
{
    fi_api_handle_opened(handle, kind, owner);
    return rc;
}

FIRN_MUST_CHECK static inline int
fi_api_handle_check(const void *handle, enum fi_api_handle_kind kind, firn_error *err)
{
    return fi_api_handle_check_process(handle, kind, err);
}

FIRN_MUST_CHECK static inline int
fi_api_handle_enter(const void *handle, enum fi_api_handle_kind kind, firn_error *err)
{
    return fi_api_handle_check(handle, kind, err);
}

static inline void
fi_api_handle_leave(const void *handle)
{
    (void)handle;
}

static inline bool
fi_api_handle_is_inherited(const void *handle)
{
    return !api_process_is_own(handle);
}

static inline void
fi_api_handle_closing(const void *handle)
{
    (void)handle;
}

static inline void
fi_api_handle_closed(const void *handle)
{
    (void)handle;
}

static inline void
fi_api_handle_stays(const void *handle)
{
    (void)handle;
}

#endif

/* Leaves a handle after a call that returned rc, which is returned. */
static inline int
fi_api_handle_left(const void *handle, int rc, const firn_error *err)
{
    fi_api_handle_leave(handle);
    return api_check_told(rc, err);
}

/* These return from the enclosing function if the handle may not be used. */
#define API_OPEN(handle, kind, err)                                                   \
    do {                                                                              \
        int api_open_rc = fi_api_handle_check((handle), FI_API_HANDLE_##kind, (err)); \
        if (api_open_rc != FIRN_OK) {                                                 \
            return api_open_rc;                                                       \
        }                                                                             \
    } while (0)
#define API_ENTER(handle, kind, err)                                                   \
    do {                                                                               \
        int api_enter_rc = fi_api_handle_enter((handle), FI_API_HANDLE_##kind, (err)); \
        if (api_enter_rc != FIRN_OK) {                                                 \
            return api_enter_rc;                                                       \
        }                                                                              \
    } while (0)

#define API_OWN(handle, what, err)                                           \
    do {                                                                     \
        if (!api_process_may_close(handle)) {                                \
            return fi_api_handle_refuse_named((handle), "the " what, (err)); \
        }                                                                    \
    } while (0)

/* For handles that may be NULL. */
#define API_OPEN_IF_ANY(handle, kind, err) \
    do {                                   \
        if ((handle) != NULL) {            \
            API_OPEN(handle, kind, err);   \
        }                                  \
    } while (0)
#define API_ENTER_IF_ANY(handle, kind, err) \
    do {                                    \
        if ((handle) != NULL) {             \
            API_ENTER(handle, kind, err);   \
        }                                   \
    } while (0)
#define API_OWN_IF_ANY(handle, what, err) \
    do {                                  \
        if ((handle) != NULL) {           \
            API_OWN(handle, what, err);   \
        }                                 \
    } while (0)

#endif
