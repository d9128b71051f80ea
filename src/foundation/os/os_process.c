/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_process.c: distinguishes a child of fork from its parent.
 *
 * Each process has a number, in a page of its own that the kernel fills with zeros in a child
 * (MADV_WIPEONFORK), however the child was created: fork, _Fork, or a bare clone. A handler of
 * pthread_atfork, which is always registered, sets the same zero on kernels without that. In a
 * process whose number is 0, everything that is marked belongs to an ancestor.
 *
 * The first mark that a child makes gives it a number: one more than the largest in its memory,
 * which is that of its parent or of another ancestor. So the numbers along a line of descent grow,
 * and no inherited mark has the child's number.
 *
 * A child of vfork shares the memory of its parent, including the number; it may only exec anyway.
 * posix_spawn runs none of our code in between.
 *
 * Nothing here fails: without the page the number is in ordinary memory and the handler protects
 * it; without the handler the page does. A system that provides neither has no memory for a fork
 * either.
 */
#include "os/os_process.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static _Atomic uint64_t ordinary;
static _Atomic uint64_t last; /* number given in this process or in an ancestor */

_Atomic uint64_t *fi_os_process_number = &ordinary;

static void
clear_number(void)
{
    atomic_store_explicit(fi_os_process_number, 0, memory_order_relaxed);
}

/* Runs once, before anything is marked. */
static void
os_process_prepare(void)
{
    long page_size = sysconf(_SC_PAGESIZE);
    size_t size = page_size > 0 ? (size_t)page_size : 4096;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#ifdef MADV_WIPEONFORK
    if (page != MAP_FAILED && madvise(page, size, MADV_WIPEONFORK) == 0) {
        fi_os_process_number = page;
        page = MAP_FAILED;
    }
#endif
    if (page != MAP_FAILED) {
        (void)munmap(page, size);
    }
    (void)pthread_atfork(NULL, NULL, clear_number);
}

void
fi_os_process_init_mark(struct fi_os_process_mark *mark)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, os_process_prepare);
    uint64_t number = atomic_load_explicit(fi_os_process_number, memory_order_relaxed);
    if (number == 0) {
        uint64_t next = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
        /* Of two threads that are here at once one wins; both take what it has set. */
        number =
            atomic_compare_exchange_strong(fi_os_process_number, &number, next) ? next : number;
    }
    mark->process = number;
}

int
fi_os_process_refuse(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_MISUSE,
                        "%s was opened before this process was forked and belongs to its parent; "
                        "open it anew",
                        what);
}

size_t
fi_os_process_descriptors_max(void)
{
    enum { USUAL = 1024 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return USUAL;
    }
    return limit.rlim_cur < SIZE_MAX ? (size_t)limit.rlim_cur : SIZE_MAX;
}
