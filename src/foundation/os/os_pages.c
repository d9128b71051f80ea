/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_pages.c: zeroed memory by the page.
 *
 * With real threads the memory is mapped. To reach a multiple of the large page, one large page
 * more than needed is mapped, and the surplus before and after is unmapped at once. So only the
 * requested size stays mapped. Pages are allocated when they are first touched.
 *
 * In simulation the memory comes from base/mem.h, where allocations are counted and made to fail.
 * The kernel is not asked, because its answers differ from run to run.
 *
 * Large pages are requested with madvise, which the kernel may refuse or ignore: they only affect
 * speed.
 */
#include "os/os_pages.h"

#include <sys/mman.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "os/os_ops.h"

enum { ALIGNMENT = 64 };

static uint8_t *
align_up(uint8_t *at, size_t alignment)
{
    DCHECK(alignment > 0 && (alignment & (alignment - 1)) == 0);
    size_t over = (uintptr_t)at & (alignment - 1);
    return over == 0 ? at : at + (alignment - over);
}

static bool
os_pages_allocate(size_t size, struct fi_os_pages *out)
{
    DCHECK(out->data == NULL);
    size_t total;
    if (!fi_add_size(size, ALIGNMENT - 1, &total)) {
        return false;
    }
    out->allocated = fi_alloc_zeroed(total);
    if (out->allocated == NULL) {
        return false;
    }
    out->data = align_up(out->allocated, ALIGNMENT);
    DCHECK(out->data + size <= (uint8_t *)out->allocated + total);
    return true;
}

static void
give_back(uint8_t *from, uint8_t *to)
{
    DCHECK(from <= to);
    if (from < to) {
        (void)munmap(from, (size_t)(to - from));
    }
}

static bool
os_pages_map(size_t size, struct fi_os_pages *out)
{
    DCHECK(out->data == NULL);
    size_t alignment = size % FI_OS_PAGES_LARGE_SIZE == 0 ? FI_OS_PAGES_LARGE_SIZE : 0;
    size_t total;
    if (!fi_add_size(size, alignment, &total)) {
        return false;
    }
    uint8_t *mapped = mmap(NULL, total, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return false;
    }
    out->data = mapped;
    if (alignment != 0) {
        out->data = align_up(mapped, alignment);
        give_back(mapped, out->data);
        give_back(out->data + size, mapped + total);
    }
    return true;
}

int
fi_os_pages_map(struct fi_os *os, size_t size, struct fi_os_pages *out, firn_error *err)
{
    DCHECK(size > 0);
    *out = (struct fi_os_pages){0};
    bool is_simulated = os->scheduler != NULL;
    if (!(is_simulated ? os_pages_allocate(size, out) : os_pages_map(size, out))) {
        return fi_error_no_memory(err, "pages of memory");
    }
    out->size = size;
    return FIRN_OK;
}

void
fi_os_pages_unmap(struct fi_os_pages *pages)
{
    if (pages->allocated != NULL) {
        fi_free(pages->allocated);
    } else if (pages->data != NULL) {
        (void)munmap(pages->data, pages->size);
    }
    *pages = (struct fi_os_pages){0};
}

bool
fi_os_pages_prefer_large(const struct fi_os_pages *pages)
{
    return pages->data != NULL && pages->allocated == NULL &&
           madvise(pages->data, pages->size, MADV_HUGEPAGE) == 0;
}
